"""The sweep folder: what was asked, and how far every job is; all that tables and pages of a sweep read."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from gpt_exp.errors import UserError
from gpt_exp.run import durable, lock
from gpt_exp.run.folder import RunFolder, read_json

STATES = ("waiting", "running", "finished", "pruned", "stopped", "failed")
DONE = ("finished", "pruned")
SETTLED = (*DONE, "failed")


class Objective(NamedTuple):
    """What a sweep is after: a metric of its runs, and where it should go."""

    metric: str
    direction: str  # minimize | maximize

    @property
    def mode(self) -> str:
        """As Lightning and `run.summary` say it: min or max."""
        return self.direction[:3]


@dataclass
class Attempt:
    """One try at a job; `ended` is missing while it is under way, and where the sweep itself was killed."""

    started: float  # Unix seconds.
    ended: float | None = None
    reason: str | None = None  # Why it did not finish, in a line.
    note: str | None = None  # How it differs from the attempt before: "half the micro-batch".


@dataclass
class Job:
    """One run of a sweep.

    A stopped one was interrupted, and goes on when the sweep does; a failed one waits for somebody to ask
    for a retry.
    """

    number: int
    identity: str  # Of its resolved config: gpt_exp.run.identity.
    overrides: list[str]  # What sets it apart from the sweep's other jobs, as given: ["optimizer.lr=0.001"].
    run: str  # Its run folder, from the sweep folder; one of another sweep where that had done the same.
    state: str = "waiting"
    reason: str | None = None  # Of a failed or pruned one.
    note: str | None = None  # How its next attempt is to differ from the last.
    trial: int | None = None  # Its number in the study of a search.
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def was_halved(self) -> bool:
        """Whether its micro-batch was, after it ran out of memory."""
        return self.note is not None or any(attempt.note for attempt in self.attempts)


class SweepFolder:
    """The paths in a sweep folder and what they say; jobs lie in run folders named by their numbers."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.asked_file = self.path / "sweep.json"  # A folder that has it is a sweep folder.
        self.manifest = self.path / "manifest.json"
        self.study = self.path / "study.journal"  # Of a search: Optuna's own.
        self.report = self.path / "report.html"
        self.leaderboard_csv = self.path / "leaderboard.csv"
        self.leaderboard_json = self.path / "leaderboard.json"
        self.figures = self.path / "figures"  # PNG files for papers.

    @classmethod
    def open(cls, path: Path | str) -> SweepFolder:
        """The sweep folder at a path that a user gave."""
        folder = cls(path)
        if not folder.asked_file.is_file():
            raise UserError(f"{path} is not a sweep folder (it has no sweep.json){_nearest(folder.path)}")
        return folder

    @property
    def name(self) -> str:
        """NAME/TIME, as trackers group its runs."""
        return "/".join(self.path.absolute().parts[-2:])

    def asked(self) -> dict[str, Any]:
        """{"arguments": as given to `gpt-exp train`, "key", "objectives", "created", "search": or null}."""
        return read_json(self.asked_file)

    def save_asked(self, asked: Mapping[str, Any]) -> None:
        durable.write_file(self.asked_file, json.dumps(asked, indent=1, ensure_ascii=False) + "\n")

    def objectives(self) -> list[Objective]:
        return [Objective(*each) for each in self.asked()["objectives"]]

    def jobs(self) -> list[Job]:
        """All jobs in the order of their numbers, as the manifest has them."""
        listed = read_json(self.manifest).get("jobs", [])
        return [
            Job(**{**job, "attempts": [Attempt(**attempt) for attempt in job["attempts"]]}) for job in listed
        ]

    def save_jobs(self, jobs: list[Job]) -> None:
        manifest = {"jobs": [asdict(job) for job in jobs]}
        durable.write_file(self.manifest, json.dumps(manifest, indent=1) + "\n")

    def run(self, job: Job) -> RunFolder:
        return RunFolder(os.path.normpath(self.path / job.run))

    def state(self, job: Job, *, managed: bool) -> str:
        """A job's state now; `managed`: whether somebody carries out the sweep (`is_managed`).

        A job whose manager was killed is in the manifest as it was then: its run folder knows better.
        """
        if job.state != "running" or managed:
            return job.state
        return "finished" if self.run(job).status().get("state") == "finished" else "stopped"

    def is_managed(self) -> bool:
        """Whether a process carries out this sweep now."""
        return lock.is_held(self.path)

    def lock(self) -> AbstractContextManager[None]:
        """Keep a second manager out; the lock goes with the process, however it ends."""
        return lock.hold(self.path, "carries out this sweep")


def sweep_folders(outputs: Path) -> list[Path]:
    """All sweeps under `outputs/sweeps/<name>/<time>`, newest first."""
    return [file.parent for file in sorted(outputs.glob("sweeps/*/*/sweep.json"), key=_changed, reverse=True)]


def runs_at(paths: Sequence[Path | str]) -> list[RunFolder]:
    """The runs at paths that a user gave, each once, where a sweep stands for all its jobs."""
    found = []
    for path in paths:
        sweep = SweepFolder(path)
        if sweep.asked_file.is_file():
            found += [sweep.run(job) for job in sweep.jobs()]
        else:
            found.append(RunFolder.open(path))
    return list({folder.path.resolve(): folder for folder in found}.values())


def _changed(file: Path) -> float:
    return file.stat().st_mtime


def _nearest(path: Path) -> str:
    """A hint at the sweep that was meant: the newest inside of `path` or beside it."""
    for pattern in ("sweep.json", "*/sweep.json", "*/*/sweep.json", "*/*/*/sweep.json"):
        for place in (path, path.parent):
            if found := list(place.glob(pattern)):
                return f"; the newest sweep there is {max(found, key=_changed).parent}"
    return ""
