"""Carries out a sweep: slots are refilled the moment one is free, and the manifest says how far it is."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from time import sleep, time
from typing import Any, NamedTuple, Protocol

from gpt_exp.errors import UserError
from gpt_exp.logger.close_killed import close_killed
from gpt_exp.run import lock, stop_request
from gpt_exp.run.folder import RunFolder
from gpt_exp.sweep.ending import Ending, one_line
from gpt_exp.sweep.folder import SETTLED, Attempt, Job, SweepFolder
from gpt_exp.sweep.micro_batch import halve_micro_batch

POLL_SECONDS = 0.2


class Work(Protocol):
    """A job that is being carried out somewhere."""

    def poll(self) -> Ending | None: ...

    def stop(self, cause: str | None = None) -> None: ...


class Place(Protocol):
    """Where jobs are carried out: slots of this machine, or a cluster."""

    num_slots: int
    outlives_sweep: bool  # Jobs go on where the sweep is killed, and `start` finds them again.

    def has_room(self) -> bool:
        """Whether a small job could start now: before that, none is asked for."""

    def start(self, job: Job, run: RunFolder) -> Work | None:
        """None while there is no room for this one."""


class Guide(Protocol):
    """Which job comes next, and whether one that is under way is worth its time."""

    def next_job(self) -> Job | None: ...

    def verdict(self, job: Job, run: RunFolder) -> str | None:
        """Why this job should not go on."""

    def settled(self, job: Job, run: RunFolder) -> None:
        """Told of a job that has come to an end."""


class Display(Protocol):
    """What a user sees of it."""

    def started(self, job: Job) -> None: ...

    def ended(self, job: Job) -> None: ...

    def update(self, jobs: list[Job], runs: dict[int, RunFolder]) -> None: ...


class Underway(NamedTuple):
    job: Job
    run: RunFolder
    work: Work


class Manager:
    """One sweep until nothing waits, or until it is told to stop."""

    def __init__(
        self,
        folder: SweepFolder,
        jobs: list[Job],
        *,
        make_run: Callable[[Job], RunFolder],
        guide: Guide,
        place: Place,
        display: Display,
        retry_out_of_memory: bool = True,
    ) -> None:
        self.folder = folder
        self.jobs = jobs  # The guide adds to them.
        self.stopped = False  # By a signal.
        self._make_run = make_run
        self._guide = guide
        self._place = place
        self._display = display
        self._retry_out_of_memory = retry_out_of_memory
        self._underway: list[Underway] = []
        self._runs: dict[int, RunFolder] = {}  # Those that have been made.
        self._pruned: dict[int, str] = {}  # Why jobs that are about to stop were told to.

    def run(self) -> None:
        """Return when all is done; after the first SIGINT or SIGTERM when all jobs have saved and stopped."""
        former = {
            number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            while self._go_on():
                sleep(POLL_SECONDS)
        except BaseException:
            self._wind_up()
            raise
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)

    def _wind_up(self) -> None:
        """No job may be left without a manager: let all of them save, whatever else goes wrong."""
        for each in self._underway if not self.stopped else ():
            with suppress(Exception):
                each.work.stop()
        while self._underway:
            self._underway = [each for each in self._underway if not _has_ended(each.work)]
            sleep(POLL_SECONDS)

    def _go_on(self) -> bool:
        """One look at everything; whether there is more to come."""
        for each in list(self._underway):
            if (ended := each.work.poll()) is not None:
                self._underway.remove(each)
                self._settle(each, ended)
        waits = False
        if not self.stopped:
            waits = self._fill()
            self._prune()
        self._display.update(self.jobs, {each.job.number: each.run for each in self._underway})
        return waits or bool(self._underway)

    def _fill(self) -> bool:
        """Start jobs while there is room; whether one waits for it."""
        while not self.stopped and self._place.has_room() and (job := self._next_job()) is not None:
            if (run := self._run_of(job)) is None:
                continue
            work = self._place.start(job, run)
            if work is None:
                return True
            job.attempts.append(Attempt(started=time(), note=job.note))
            job.state, job.reason, job.note = "running", None, None
            self._pruned.pop(job.number, None)
            self._underway.append(Underway(job, run, work))
            if self.stopped:  # The signal came while it was being started.
                work.stop()
            self._save()
            self._display.started(job)
        return False

    def _next_job(self) -> Job | None:
        """The guide's; what it adds is in the manifest from then on, also what needs no run."""
        known = len(self.jobs)
        job = self._guide.next_job()
        if len(self.jobs) > known:
            self._save()
        for added in self.jobs[known:]:
            if added.state != "waiting":
                self._display.ended(added)
        return job

    def _run_of(self, job: Job) -> RunFolder | None:
        """The folder in which a job is to start; one whose config is refused has failed."""
        try:
            if job.number not in self._runs:
                self._runs[job.number] = self._make_run(job)
        except UserError as error:
            job.state, job.reason = "failed", one_line(str(error))
            self._save()
            self._display.ended(job)
            return None
        run = self._runs[job.number]
        if run.status().get("state") == "failed":  # Before this attempt, of which it must say nothing.
            run.set_status("stopped")
        return run

    def _prune(self) -> None:
        """Ask again as long as it takes: a job that has just begun does away with a request of before."""
        for job, run, _ in self._underway:
            if job.number not in self._pruned and (why := self._guide.verdict(job, run)):
                self._pruned[job.number] = why
            if (why := self._pruned.get(job.number)) and not run.stop_request.exists():
                stop_request.ask(run, why, "pruned")

    def _settle(self, each: Underway, ended: Ending) -> None:
        job, run, _ = each
        job.attempts[-1].ended, job.attempts[-1].reason = time(), ended.reason
        job.state, job.reason = ended.state, ended.reason
        if ended.out_of_memory and self._retry_out_of_memory and (note := halve_micro_batch(job, run)):
            job.state, job.note = "waiting", note
        elif ended.state == "stopped" and job.number in self._pruned:
            job.state, job.reason = "pruned", self._pruned[job.number]
            run.set_status("pruned", reason=job.reason)
        elif ended.state == "failed" and run.status().get("state") != "failed" and not lock.is_held(run.path):
            run.set_status("failed", reason=ended.reason)
        if job.state != "waiting":  # What a process that was killed could not close itself.
            Thread(target=close_killed, args=(run, job.state, job.reason or "")).start()
        self._save()
        self._display.ended(job)
        if job.state in SETTLED:
            self._guide.settled(job, run)

    def _save(self) -> None:
        self.folder.save_jobs(self.jobs)

    def _on_signal(self, *_: Any) -> None:
        """The first lets every job save and stop; a second ends them at once."""
        self.stopped = True
        for each in self._underway:
            each.work.stop()


def _has_ended(work: Work) -> bool:
    try:
        return work.poll() is not None
    except Exception:  # It can't be known.
        return True
