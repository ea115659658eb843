"""A job in the hands of another Hydra launcher."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from threading import Thread
from time import monotonic, time
from typing import Any

from gpt_exp.errors import UserError
from gpt_exp.run import lock, stop_request
from gpt_exp.run.folder import RunFolder, read_json
from gpt_exp.run.tail import end
from gpt_exp.sweep.cluster.node import console_file, note_file
from gpt_exp.sweep.cluster.slurm import Entry, Queue
from gpt_exp.sweep.ending import Ending, ending, last_words, one_line
from gpt_exp.sweep.machine.process import GRACE_SECONDS, LAST_BYTES, Limits, Silence, last_sign

LOOK_SECONDS = 1.0  # Between two looks into a run folder, perhaps on another machine's disk.
LOST_SECONDS = 60.0  # A job that seems gone may be about to begin, or NFS not yet show its last files.
STOP = "stopped with its sweep"
FAULTS = ("FAILED", "OUT_OF_MEMORY")  # How SLURM calls what the job itself, not the cluster, has ended.


class Launch:
    """One call of the launcher, in a thread: it returns when the last of its jobs has ended."""

    def __init__(self, jobs: Sequence[Launched], call: Callable[[], Any]) -> None:
        self.jobs = jobs
        self.error: BaseException | None = None
        self._returned: Sequence[Any] = ()
        self.thread = Thread(target=self._run, args=(call,), daemon=True)

    def _run(self, call: Callable[[], Any]) -> None:
        try:
            self._returned = call() or ()
        except BaseException as error:
            self.error = error

    def is_at_work(self) -> bool:
        return self.thread.is_alive() or any(lock.is_held(each.run.path) for each in self.jobs)

    def was_refused(self) -> bool:
        """Whether it raised an error before any job began."""
        return self.error is not None and not any(each.seen or each.has_begun() for each in self.jobs)

    def words(self, index: int) -> str:
        """What is known of the end of a job that left no note."""
        error = self.error
        if index < len(self._returned):  # Hydra keeps what a task function raised.
            error = getattr(self._returned[index], "_return_value", None)
        if error is None:
            return "its process is gone"
        told = f"{type(error).__name__}: {error}"
        return last_words(told).removeprefix(": ") or one_line(told)


class Launched:
    """A job that waits or runs elsewhere; `launch`: hands over whatever has been gathered."""

    def __init__(
        self, run: RunFolder, limits: Limits, queue: Queue | None, launch: Callable[[], None]
    ) -> None:
        self.run = run
        self.name: str | None = None  # Of its launch, and its place in it; None while it is not handed over.
        self.index = 0
        self.launch: Launch | None = None  # None where a sweep that was killed had launched it.
        self.seen = False  # In SLURM's queue.
        self.ended: Ending | None = None
        self._limits = limits  # The queue keeps to its own as well.
        self._silence = Silence()
        self._queue = queue
        self._launch = launch
        self._look_at = 0.0
        self._missing_since: float | None = None
        self._stop: str | None = None  # Why it has to.
        self._cause: str | None = None
        self._cancel_at = math.inf  # When it is not waited for any more, by the monotonic clock.
        self._printed = {file: file.stat().st_size for file in run.path.glob("console*.log")}  # Till now.

    def poll(self) -> Ending | None:
        """How it ended; None while it waits or goes on. Raises UserError where the launcher takes no job."""
        self._launch()
        if self.ended is None and monotonic() >= self._look_at:
            self._look_at = monotonic() + LOOK_SECONDS
            self.ended = self._look()
        return self.ended

    def stop(self, cause: str | None = None) -> None:
        """Let it save and stop; a second call ends it at once. With a cause it counts as failed."""
        self._cancel_at = monotonic() + (GRACE_SECONDS if self._stop is None else 0.0)
        self._cause = self._cause or cause
        self._stop = self._cause or STOP
        self._look_at = 0.0
        self._ask()
        if self.name is None or (self._queue is None and not self.has_begun()):
            self.ended = Ending("failed", self._cause) if self._cause else Ending("stopped", STOP)

    def has_begun(self) -> bool:
        return self.name is not None and read_json(note_file(self.run)).get("launch") == self.name

    def _look(self) -> Ending | None:
        if self.name is None:
            return None
        note = read_json(note_file(self.run))
        if note.get("launch") == self.name and "exit_code" in note:
            return self._ending(note)
        if self._stop is not None:
            self._insist()
        elif note.get("launch") == self.name and (cause := self._exceeded()) is not None:
            self.stop(cause)
        return None if self._is_there() else self._lost()

    def _exceeded(self) -> str | None:
        """The limit that the job has passed, in words."""
        timeout, silence, _ = self._limits
        entry, began = self._entry(), note_file(self.run).stat().st_mtime
        if entry is not None and entry.state != "RUNNING":  # It waits to be carried out again.
            return None
        if timeout is not None and time() - began > 60 * timeout:
            return f"timed out after {timeout:g} min (sweep.timeout)"
        quiet = self._silence.seconds(max(began, last_sign(self.run)))
        if silence is not None and quiet > 60 * silence:
            return f"hung: not a line in {quiet / 60:.2g} min (sweep.silence)"
        return None

    def _ask(self) -> None:
        stop_request.ask(self.run, self._stop or STOP, "stopped" if self._cause is None else "failed")

    def _insist(self) -> None:
        """A job that has just begun does away with a request of before; one that waits need not begin."""
        if not self.run.stop_request.exists():
            self._ask()
        entry, at_once = self._entry(), monotonic() > self._cancel_at
        if entry is not None and not entry.is_over and (at_once or entry.state == "PENDING"):
            assert self._queue is not None and self.name is not None
            self._queue.cancel(self.name, self.index, waiting=not at_once)

    def _entry(self) -> Entry | None:
        if self._queue is None or self.name is None:
            return None
        entry = self._queue.find(self.name, self.index)
        self.seen = self.seen or entry is not None
        return entry

    def _is_there(self) -> bool:
        """Whether it may still begin, go on, or leave its note."""
        if self.launch is not None and self.launch.was_refused():
            raise UserError(f"hydra.launcher: {self.launch.words(len(self.launch.jobs))}")
        entry = self._entry()
        if self._queue is None or not self.seen:
            there = self.launch is not None and self.launch.is_at_work()
        else:
            there = entry is not None and not entry.is_over
        if there:
            self._missing_since = None
            return True
        if self._stop is not None and not self.has_begun():
            return False
        self._missing_since = self._missing_since or monotonic()
        return monotonic() - self._missing_since < LOST_SECONDS

    def _ending(self, note: dict[str, Any]) -> Ending:
        found = ending(note["exit_code"], self.run.status(), self._console(note.get("rank", 0)), self._cause)
        return found._replace(reason=note["reason"]) if "reason" in note else found

    def _lost(self) -> Ending:
        """It is gone without a note: what the run's status, SLURM or the launcher says of it."""
        state, entry = self.run.status().get("state"), self._entry()
        if state in ("finished", "failed") or self._cause is not None:
            return ending(1, self.run.status(), "", self._cause)
        if entry is not None:
            reason = f"ended by SLURM: {entry.state.lower().replace('_', ' ')}"
            failed = entry.state in FAULTS
            return Ending("failed" if failed else "stopped", reason, entry.state == "OUT_OF_MEMORY")
        if self._queue is not None or self._stop is not None:
            return Ending("stopped", self._stop or "it left SLURM's queue without a word")
        return Ending("failed", self.launch.words(self.index) if self.launch else "its process is gone")

    def _console(self, rank: int) -> str:
        """The end of what this attempt printed."""
        file = console_file(self.run, rank)
        return end(file, LAST_BYTES, after=self._printed.get(file, 0))
