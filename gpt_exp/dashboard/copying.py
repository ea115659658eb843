"""Lets another library's pages show runs that were not logged with it: what they log is copied."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from math import inf, isfinite
from pathlib import Path
from typing import Any, NamedTuple

from gpt_exp.dashboard.follow import Growing, Watched
from gpt_exp.dashboard.run_entry import utc
from gpt_exp.dashboard.scan import scan
from gpt_exp.run.folder import RunFolder, read_json
from gpt_exp.run.lines import record

logger = logging.getLogger(__name__)


class Logged(NamedTuple):
    """A line of a run's metrics."""

    step: int
    time: float  # Unix seconds, as near as is known: the start and the seconds of training since.
    values: dict[str, float]


class News(NamedTuple):
    """What is new of a run."""

    id: str
    folder: RunFolder
    lines: list[Logged]
    sizes: dict[str, int]  # Of its files, when they had at least these lines.
    is_first: bool  # These are all its lines so far; what was copied before is void.


Write = Callable[[News], None]
Wanted = Callable[[str, RunFolder], bool]  # Whether the run of this id is to be copied, as it is now.


class Copier:
    """Copies what is new in every run that is wanted."""

    def __init__(self, outputs: Path, wanted: Wanted, write: Write) -> None:
        self._outputs, self._wanted, self._write = outputs, wanted, write
        self._runs: dict[str, _Run] = {}
        self._unwanted: dict[str, Watched[None]] = {}  # Asked about again when it goes on.
        self._warned: set[str] = set()

    def copy(self) -> None:
        for id, path in scan(str(self._outputs)).runs.items():
            try:
                self._copy(id, RunFolder(path))
            except (
                Exception
            ):  # A damaged run must not keep the others away. It is tried again, from its start.
                if id not in self._warned:
                    logger.warning("%s is not shown as it is", path, exc_info=True)
                self._warned.add(id)
                self._runs.pop(id, None)

    def _copy(self, id: str, folder: RunFolder) -> None:
        run, sizes = self._runs.get(id), folder.logged()
        if run is None or not run.goes_on():
            self._runs.pop(id, None)
            if not self._is_wanted(id, folder):
                return
            run = self._runs[id] = _Run(folder)
        if new := list(run.new()):
            self._write(News(id, folder, new, sizes, run.is_first))
            run.is_first = False

    def _is_wanted(self, id: str, folder: RunFolder) -> bool:
        known = self._unwanted.get(id)
        if known is not None and not known.look():
            return False
        watched = Watched[None](str(folder.metrics), lambda _: None, None)
        watched.look()
        if not self._wanted(id, folder):
            self._unwanted[id] = watched
            return False
        self._unwanted.pop(id, None)
        return True


def again_and_again(act: Callable[[], None], seconds: float) -> None:
    """Call it now and every few seconds, beside what the program does, as long as that lives."""

    def loop() -> None:
        pause = threading.Event()
        while True:
            try:
                act()
            except Exception:
                logger.warning("the runs can't be read now", exc_info=True)
            pause.wait(seconds)

    threading.Thread(target=loop, daemon=True).start()


class _Run:
    def __init__(self, folder: RunFolder) -> None:
        self.is_first = True  # Nothing of it has been copied.
        # The former tells the time of the latter.
        self._files = (Growing(str(folder.speed)), Growing(str(folder.metrics)))
        created = utc(read_json(folder.environment).get("created"), folder.config_file.stat().st_mtime)
        self._started = datetime.fromisoformat(created).timestamp()
        self._elapsed: dict[int, float] = {}  # Seconds by step.

    def goes_on(self) -> bool:
        """Whether it is the run that it was, not cut back and not another one under its name."""
        return all(file.goes_on() for file in self._files)

    def new(self) -> Iterator[Logged]:
        lines = (line for file in self._files for part in file.new() for line in part.splitlines())
        for found in filter(None, map(record, lines)):
            step, values = found.pop("step"), _numbers(found)
            if isfinite(elapsed := values.get("speed/elapsed_seconds", inf)):
                self._elapsed[step] = elapsed
            yield Logged(step, self._time(step), values)

    def _time(self, step: int) -> float:
        last = next(reversed(self._elapsed.values()), 0.0)
        return self._started + self._elapsed.get(step, last)


def _numbers(found: dict[str, Any]) -> dict[str, float]:
    return {name: value for name, value in found.items() if isinstance(value, int | float)}
