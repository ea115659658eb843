"""How far a long pass over data has come: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

SECONDS_BETWEEN_LINES = 10

Advance = Callable[[int], None]  # By a number of units.
Unit = Literal["characters", "records"]


@contextmanager
def progress(what: str, *, total: int, show: bool, unit: Unit = "characters") -> Iterator[Advance]:
    """Yield what to call with each number of units done; everything goes to stderr."""
    if not show:
        yield lambda count: None
    elif sys.stderr.isatty():
        with _bar(what, total, unit) as advance:
            yield advance
    else:
        yield _lines(what, total, unit)


@contextmanager
def _bar(what: str, total: int, unit: Unit) -> Iterator[Advance]:
    from rich import progress
    from rich.console import Console

    counts = (
        (progress.DownloadColumn(), progress.TransferSpeedColumn())
        if unit == "characters"
        else (progress.MofNCompleteColumn(),)
    )
    columns = ("{task.description}", progress.BarColumn(), *counts, progress.TimeRemainingColumn())
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.update(task, advance=count)


def _lines(what: str, total: int, unit: Unit) -> Advance:
    start = last = time.monotonic()
    done = 0

    def advance(count: int) -> None:
        nonlocal last, done
        done += count
        now = time.monotonic()
        if now - last >= SECONDS_BETWEEN_LINES:
            last = now
            left = (total - done) * (now - start) / done
            rate = done / (now - start)
            speed = f"{rate / 1e6:.1f} MB/s" if unit == "characters" else f"{rate:,.0f} {unit}/s"
            line = f"{what}: {done / total:.0%} at {speed}, {left:.0f} s left"
            print(line, file=sys.stderr, flush=True)

    return advance
