"""What is known of every run and sweep under `outputs`, read again only where a file has changed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic, thread_time
from typing import TypeVar

from gpt_exp.dashboard.run_entry import RunEntry, RunReader
from gpt_exp.dashboard.scan import Found, scan
from gpt_exp.dashboard.sweep_entry import SweepEntry, SweepReader
from gpt_exp.sweep.folder import Objective

MAX_SHARE = 0.02  # Of a core, for looking at thousands of folders.
Entry = TypeVar("Entry", RunEntry, SweepEntry)


@dataclass(frozen=True)
class Index:
    """Runs and sweeps by id, newest first."""

    runs: Mapping[str, RunEntry] = field(default_factory=dict)
    sweeps: Mapping[str, SweepEntry] = field(default_factory=dict)
    version: int = 0  # Another one whenever anything is different.


class Outputs:
    """The folder that is watched; several threads may ask at once."""

    def __init__(
        self,
        path: str,
        objective: Objective,
        *,
        fresh_seconds: float = 0.0,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.path = os.path.abspath(path)  # noqa: PTH100 No Path keeps links and drops "..".
        self.objective = objective  # Which value of a run is shown; sweeps have their own.
        self._fresh_seconds = fresh_seconds  # So that several open pages share a look.
        self._clock = clock
        self._lock = Lock()
        self._look_at = float("-inf")
        self._took = 0.0  # Seconds of the last look.
        self._index = Index()
        self._runs: dict[str, RunReader] = {}
        self._sweeps: dict[str, SweepReader] = {}

    def index(self, *, now: bool = False) -> Index:
        """All that is there; what was there a moment ago will do unless it must be `now`."""
        with self._lock:
            if now or self._clock() >= self._look_at:
                began = thread_time()
                self._index = self._look()
                self._look_at = self._clock() + self._pause(thread_time() - began)
            return self._index

    def _pause(self, seconds: float) -> float:
        """Seconds to the next look, after one that took so long; the first reads all: it is no measure."""
        usual, self._took = min(seconds, self._took), seconds
        return max(self._fresh_seconds, usual / MAX_SHARE) if self._fresh_seconds else 0.0

    def run(self, id: str) -> RunEntry | None:
        """One run as it is now; None where there is none of this id."""
        if id not in self._runs:
            self.index(now=True)
        with self._lock:
            reader = self._runs.get(id)
            return _looked(reader) if reader is not None and reader.is_there() else None

    def _look(self) -> Index:
        found = scan(self.path)
        wanted = self._look_at_sweeps(found)
        self._keep_readers(found, wanted)
        runs = _newest_first({id: _looked(reader) for id, reader in self._runs.items()})
        sweeps = _newest_first({id: _entry(reader, runs) for id, reader in self._sweeps.items()})
        old = self._index
        same = list(runs.items()) == list(old.runs.items()) and list(sweeps.items()) == list(
            old.sweeps.items()
        )
        return old if same else Index(runs, sweeps, old.version + 1)

    def _look_at_sweeps(self, found: Found) -> dict[str, list[Objective]]:
        """The objectives of sweeps by run."""
        self._sweeps = {
            id: self._sweeps.get(id) or SweepReader(id, path) for id, path in found.sweeps.items()
        }
        wanted: dict[str, list[Objective]] = {}
        for reader in self._sweeps.values():
            with suppress(Exception):  # `entry` tells of it.
                for run, objectives in reader.look().items():
                    wanted.setdefault(run, []).extend(objectives)
        return wanted

    def _keep_readers(self, found: Found, wanted: Mapping[str, list[Objective]]) -> None:
        """A run of which another metric is wanted is read from its beginning."""
        kept = {}
        for id, path in found.runs.items():
            goals = frozenset((each.metric, each.mode) for each in [*wanted.get(id, ()), self.objective])
            old = self._runs.get(id)
            kept[id] = old if old is not None and old.goals == goals else RunReader(id, path, goals)
        self._runs = kept


def _looked(reader: RunReader) -> RunEntry:
    """A run that nobody foresaw must not take the page of all others along."""
    try:
        return reader.look()
    except Exception as error:
        return reader.unknown(error)


def _entry(reader: SweepReader, runs: Mapping[str, RunEntry]) -> SweepEntry:
    """As `_looked`."""
    try:
        return reader.entry(runs)
    except Exception as error:
        return reader.unknown(error)


def _newest_first(entries: Mapping[str, Entry]) -> dict[str, Entry]:
    return dict(sorted(entries.items(), key=lambda pair: (pair[1].started, pair[0]), reverse=True))
