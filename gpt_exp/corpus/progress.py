"""How far a long pass over text has come: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SECONDS_BETWEEN_LINES = 10

Advance = Callable[[int], None]  # By a number of characters.


@contextmanager
def progress(what: str, *, total: int, show: bool) -> Iterator[Advance]:
    """Yield what to call with each number of characters done; everything goes to stderr."""
    if not show:
        yield lambda characters: None
    elif sys.stderr.isatty():
        with _bar(what, total) as advance:
            yield advance
    else:
        yield _lines(what, total)


@contextmanager
def _bar(what: str, total: int) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress("{task.description}", *columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda characters: bar.update(task, advance=characters)


def _lines(what: str, total: int) -> Advance:
    start = last = time.monotonic()
    done = 0

    def advance(characters: int) -> None:
        nonlocal last, done
        done += characters
        now = time.monotonic()
        if now - last >= SECONDS_BETWEEN_LINES:
            last = now
            left = (total - done) * (now - start) / done
            speed = done / (now - start) / 1e6
            print(
                f"{what}: {done / total:.0%} at {speed:.1f} MB/s, {left:.0f} s left",
                file=sys.stderr,
                flush=True,
            )

    return advance
