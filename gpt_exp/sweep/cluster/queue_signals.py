"""How a job gives its machine back to SLURM's queue and loses nothing.

SLURM sends SIGUSR2 when the job's time is nearly over or others want its machine. That signal is submitit's,
which puts the job into the queue again and ends it at once: here the run saves and stops before. SIGTERM,
which announces SIGKILL, stops the run, too; whether the job comes back then is SLURM's to say.
"""

from __future__ import annotations

import os
import signal
import subprocess
from threading import Event, Timer
from types import FrameType
from typing import Any

from gpt_exp.run import stop_request
from gpt_exp.run.folder import RunFolder

TAKEN_BACK = "the queue takes its machine back"  # Why a run stops; it goes on when the job comes back.
OURS = (TAKEN_BACK, None)  # Requests to stop that nobody else has made.
SAVING_SECONDS = (
    60.0  # For the run to save; by default SLURM's jobs have 120 (hydra.launcher.signal_delay_s).
)
LINGER_SECONDS = 600.0  # Between SIGTERM and SIGKILL (GraceTime, KillWait) no cluster waits longer.


class QueueSignals:
    """Around a run's process: enter, start it, `listen`, wait for it, and if it stopped, `give_back`.

    `speaks`: of a distributed run's processes the first, which stops all of them.
    """

    def __init__(self, run: RunFolder, *, speaks: bool) -> None:
        self._run = run
        self._speaks = speaks
        self._taken_back = Event()
        self._terminated = False
        self._asked = False  # The run to stop.
        self._process: subprocess.Popen[bytes] | None = None
        self._former: dict[int, Any] = {}
        self._submitits = signal.Signals[f"SIG{os.environ.get('SUBMITIT_PREEMPT_SIGNAL', 'USR2')}"]

    def __enter__(self) -> QueueSignals:
        """SLURM signals every process of a job; those of the run inherit that this signal is blocked."""
        signal.pthread_sigmask(signal.SIG_BLOCK, {self._submitits})
        return self

    def __exit__(self, *_: object) -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {self._submitits})
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def listen(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        if "SUBMITIT_EXECUTOR" in os.environ:
            for number in (signal.SIGTERM, self._submitits):
                self._former[number] = signal.signal(number, self._on_signal)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {self._submitits})

    def give_back(self) -> None:
        """The run has stopped: where the queue wanted that, let it have the machine. Does not return then."""
        if self._terminated and "SLURM_JOB_ID" in os.environ:
            # A job that ended now would look done to SLURM, which may be about to requeue it.
            self._taken_back.wait(LINGER_SECONDS)
        if self._asked and _request(self._run) in OURS:  # Else somebody wants it to stay away.
            self._run.stop_request.unlink(missing_ok=True)
            if self._taken_back.is_set():
                self._former[self._submitits](self._submitits, None)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._speaks and _request(self._run) in OURS:
            stop_request.ask(self._run, TAKEN_BACK)
            self._asked = True
        if number == signal.SIGTERM:
            self._terminated = True
        elif not self._taken_back.is_set():
            self._taken_back.set()
            assert self._process is not None
            deadline = Timer(SAVING_SECONDS, self._process.kill)
            deadline.daemon = True
            deadline.start()


def _request(run: RunFolder) -> str | None:
    """Why the run shall stop, if it shall."""
    request = stop_request.asked(run)
    return request.reason if request is not None else None
