"""Carries out a sweep: slots are refilled the moment one is free, and the manifest says how far it is."""

from __future__ import annotations

import signal
from collections.abc import Callable
from time import sleep, time
from typing import Any, NamedTuple, Protocol

from gpt_exp.run import durable
from gpt_exp.run.folder import RunFolder
from gpt_exp.sweep.ending import Ending
from gpt_exp.sweep.folder import SETTLED, Attempt, Job, SweepFolder

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
        self._notes: dict[int, str] = {}  # What the next attempt at a job does differently.
        self._pruned: dict[int, str] = {}  # Why jobs that are about to stop were told to.

    def run(self) -> None:
        """Return when all is done; after the first SIGINT or SIGTERM when all jobs have saved and stopped."""
        former = {
            number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            while self._go_on():
                sleep(POLL_SECONDS)
        except BaseException:  # No job may be left without a manager.
            for each in self._underway:
                each.work.stop()
            raise
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)

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
        while not self.stopped and self._place.has_room() and (job := self._guide.next_job()) is not None:
            if job.number not in self._runs:
                self._runs[job.number] = self._make_run(job)
            run = self._runs[job.number]
            work = self._place.start(job, run)
            if work is None:
                return True
            job.state, job.reason = "running", None
            job.attempts.append(Attempt(started=time(), note=self._notes.pop(job.number, None)))
            self._underway.append(Underway(job, run, work))
            if self.stopped:  # The signal came while it was being started.
                work.stop()
            self._save()
            self._display.started(job)
        return False

    def _prune(self) -> None:
        for job, run, _ in self._underway:
            if job.number not in self._pruned and (why := self._guide.verdict(job, run)):
                self._pruned[job.number] = why
                durable.write_file(run.stop_request, why)

    def _settle(self, each: Underway, ended: Ending) -> None:
        job, run, _ = each
        job.attempts[-1].ended, job.attempts[-1].reason = time(), ended.reason
        job.state, job.reason = ended.state, ended.reason
        if ended.out_of_memory and self._retry_out_of_memory and (note := halve_micro_batch(job, run)):
            job.state, self._notes[job.number] = "waiting", note
        elif ended.state == "stopped" and job.number in self._pruned:
            job.state, job.reason = "pruned", self._pruned[job.number]
            run.set_status("pruned", reason=job.reason)
        elif ended.state == "failed" and run.status().get("state") != "failed":
            run.set_status("failed", reason=ended.reason)
        if job.state in SETTLED:
            self._guide.settled(job, run)
        self._save()
        self._display.ended(job)

    def _save(self) -> None:
        self.folder.save_jobs(self.jobs)

    def _on_signal(self, *_: Any) -> None:
        """The first lets every job save and stop; a second ends them at once."""
        self.stopped = True
        for each in self._underway:
            each.work.stop()


def halve_micro_batch(job: Job, run: RunFolder) -> str | None:
    """Let the run accumulate twice as often at the same batch; None where it did so before, or can't."""
    config = run.config()
    if any(attempt.note for attempt in job.attempts):
        return None
    devices = config.trainer.devices if isinstance(config.trainer.devices, int) else 1
    accumulate = 2 * config.trainer.accumulate_grad_batches
    if config.batch_size % (max(1, devices) * config.trainer.num_nodes * accumulate):
        return None
    config.trainer.accumulate_grad_batches = accumulate
    run.save_config(config)
    return f"half the micro-batch: trainer.accumulate_grad_batches={accumulate}"
