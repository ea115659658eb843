"""Lets another library's pages show runs that were not logged with it: what they log is copied."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from gpt_exp.dashboard.run_entry import utc
from gpt_exp.dashboard.scan import scan
from gpt_exp.run.folder import RunFolder, read_json
from gpt_exp.run.tail import Tail

logger = logging.getLogger(__name__)


class Logged(NamedTuple):
    """A line of a run's metrics."""

    step: int
    time: float  # Unix seconds, as near as is known: the start and the seconds of training since.
    values: dict[str, float]


Write = Callable[[str, RunFolder, list[Logged]], None]  # Takes new lines of the run of this id.
Wanted = Callable[[str, RunFolder], bool]  # Whether the run is to be copied; asked once.


class Copier:
    """Copies what is new in every run that is wanted."""

    def __init__(self, outputs: Path, wanted: Wanted, write: Write) -> None:
        self._outputs, self._wanted, self._write = outputs, wanted, write
        self._runs: dict[str, _Run | None] = {}  # None: not wanted.

    def copy(self) -> None:
        for id, path in scan(str(self._outputs)).runs.items():
            try:
                self._copy(id, RunFolder(path))
            except Exception:  # A damaged run must not keep the others away.
                logger.warning("%s is not shown", path, exc_info=True)
                self._runs[id] = None

    def _copy(self, id: str, folder: RunFolder) -> None:
        if id not in self._runs:
            self._runs[id] = _Run(folder) if self._wanted(id, folder) else None
        run = self._runs[id]
        if run is not None and (new := list(run.new())):
            self._write(id, folder, new)


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
        self._files = (Tail(folder.speed), Tail(folder.metrics))  # The former tells the time of the latter.
        created = utc(read_json(folder.environment).get("created"), folder.config_file.stat().st_mtime)
        self._started = datetime.fromisoformat(created).timestamp()
        self._elapsed: dict[int, float] = {}  # Seconds by step.

    def new(self) -> Iterator[Logged]:
        for file in self._files:
            for record in file.new():
                step = record.pop("step")
                if (elapsed := record.get("speed/elapsed_seconds")) is not None:
                    self._elapsed[step] = elapsed
                yield Logged(step, self._time(step), _numbers(record))

    def _time(self, step: int) -> float:
        last = next(reversed(self._elapsed.values()), 0.0)
        return self._started + self._elapsed.get(step, last)


def _numbers(record: dict[str, Any]) -> dict[str, float]:
    return {name: value for name, value in record.items() if isinstance(value, int | float)}
