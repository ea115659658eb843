"""What the first page tells of a sweep, from its manifest and its jobs' runs."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from gpt_exp.dashboard.follow import Watched
from gpt_exp.dashboard.run_entry import RunEntry, utc
from gpt_exp.sweep.folder import SETTLED, STATES, Job, Objective, SweepFolder


@dataclass(frozen=True)
class SweepEntry:
    """A sweep as of the last look."""

    id: str  # Its path from `outputs`.
    path: str
    state: str  # running, finished (nothing is left to do), stopped; "unknown" where its files can't be read.
    jobs: Mapping[str, str]  # Their states by the id of their run.
    objective: Objective | None  # The first.
    best: float | None
    best_run: str | None  # The id of the run that reached it.
    started: str  # ISO time, UTC.
    changed_at: float  # Unix seconds.
    command: str
    is_search: bool

    def num(self, *states: str) -> int:
        """How many jobs are in one of these states."""
        return sum(state in states for state in self.jobs.values())

    @property
    def share(self) -> float | None:
        """How many of its jobs have come to an end, 0 to 1; a search tells its next jobs as it goes."""
        if not self.jobs or (self.is_search and self.state == "running"):
            return None
        return self.num(*SETTLED) / len(self.jobs)


class _Asked(NamedTuple):
    """Of sweep.json."""

    objectives: Sequence[Objective] = ()
    command: str = ""
    is_search: bool = False
    created: object = None


class SweepReader:
    """Looks at a sweep's folder again and again."""

    def __init__(self, id: str, path: str) -> None:
        self._id, self._path = id, path
        self._folder = SweepFolder(path)
        self._asked: Watched[_Asked] = Watched(f"{path}/sweep.json", lambda _: _ask(self._folder), _Asked())
        self._jobs: Watched[list[Job]] = Watched(f"{path}/manifest.json", lambda _: _jobs(self._folder), [])
        self._runs: dict[int, str] = {}

    def look(self) -> dict[str, Sequence[Objective]]:
        """Read its files; the metrics that matter to it, by the ids of its runs."""
        self._asked.look()
        if self._jobs.look():
            self._runs = {job.number: self._run_id(job) for job in self._jobs.value}
        return dict.fromkeys(self._runs.values(), self._asked.value.objectives)

    def entry(self, runs: Mapping[str, RunEntry]) -> SweepEntry:
        """With what its runs have come to."""
        managed, asked = self._folder.is_managed(), self._asked.value
        states = {run: _state_of(job, runs.get(run), managed) for job, run in self._jobs_with_runs()}
        objective = next(iter(asked.objectives), None)
        best, best_run = self._best(objective, runs)
        return SweepEntry(
            id=self._id,
            path=self._path,
            state=self._state(states, managed),
            jobs=states,
            objective=objective,
            best=best,
            best_run=best_run,
            started=utc(asked.created, self._asked.changed_at),
            changed_at=max(self._asked.changed_at, self._jobs.changed_at),
            command=asked.command,
            is_search=asked.is_search,
        )

    def unknown(self, error: Exception) -> SweepEntry:
        """What is told of a sweep whose files nobody foresaw."""
        return SweepEntry(
            id=self._id,
            path=self._path,
            state="unknown",
            jobs={},
            objective=None,
            best=None,
            best_run=None,
            started="",
            changed_at=0.0,
            command=f"it can't be read: {error}",
            is_search=False,
        )

    def _state(self, states: Mapping[str, str], managed: bool) -> str:
        if self._asked.damaged or self._jobs.damaged:
            return "unknown"
        if managed:
            return "running"
        return "finished" if set(states.values()) <= {*SETTLED} else "stopped"

    def _best(
        self, objective: Objective | None, runs: Mapping[str, RunEntry]
    ) -> tuple[float | None, str | None]:
        if objective is None:
            return None, None
        sign = 1 if objective.mode == "min" else -1
        known = (runs[id] for _, id in self._jobs_with_runs() if id in runs)
        goal = objective.metric, objective.mode
        reached = [(run.reached[goal].best, run.id) for run in known if goal in run.reached]
        finite = [(value, run) for value, run in reached if abs(value) < float("inf")]
        return min(finite, key=lambda pair: sign * pair[0], default=(None, None))

    def _jobs_with_runs(self) -> list[tuple[Job, str]]:
        return [(job, self._runs[job.number]) for job in self._jobs.value]

    def _run_id(self, job: Job) -> str:
        """A run of another sweep that had done the same lies beside this one; its id is no stranger's."""
        return posixpath.normpath(f"{self._id}/{Path(job.run).as_posix()}")


def _jobs(folder: SweepFolder) -> list[Job]:
    """Raises ValueError where a job is none."""
    jobs = folder.jobs()
    for job in jobs:
        if job.state not in STATES or not isinstance(job.number, int) or not isinstance(job.run, str):
            raise ValueError(job)
    return jobs


def _ask(folder: SweepFolder) -> _Asked:
    """Raises ValueError where it is after nothing."""
    asked, objectives = folder.asked(), folder.objectives()
    for each in objectives:
        if each.direction not in ("minimize", "maximize") or not isinstance(each.metric, str):
            raise ValueError(each)
    return _Asked(objectives, str(asked.get("command", "")), bool(asked.get("search")), asked.get("created"))


def _state_of(job: Job, run: RunEntry | None, managed: bool) -> str:
    """As `SweepFolder.state`, of a run that was read before."""
    if job.state != "running" or managed:
        return job.state
    return "finished" if run is not None and run.state == "finished" else "stopped"
