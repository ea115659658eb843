"""A job as a process of its own, with limits on its time, its silence and its memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic
from typing import NamedTuple

import psutil

from gpt_exp.run import stop_request
from gpt_exp.run.folder import RunFolder
from gpt_exp.run.tail import end
from gpt_exp.sweep.ending import Ending, ending

GRACE_SECONDS = 60.0  # From the request to stop, in which a job saves, to its end by SIGKILL.
LAST_BYTES = 20_000  # Of what an attempt printed, which tell how it ended.
LOOK_SECONDS = 1.0  # Between two looks at a job's memory and files.


class Limits(NamedTuple):
    """None is no limit."""

    timeout: float | None = None  # Minutes.
    silence: float | None = None  # Minutes.
    memory: float | None = None  # GB of all of the job's processes together.


class Process:
    """`python -m gpt_exp.job FOLDER` in a session of its own: it can be ended with all its children."""

    def __init__(
        self,
        folder: RunFolder,
        environment: dict[str, str],
        limits: Limits,
        *,
        command: Sequence[str] | None = None,
    ) -> None:
        self.folder = folder
        self._limits = limits
        self._began = monotonic()
        self._silence = Silence()
        self._look_at = 0.0
        self._cause: str | None = None  # Why we ended it.
        self._kill_at: float | None = None
        with folder.console.open("ab") as console:
            self._start = console.tell()
            self._process = subprocess.Popen(
                command or [sys.executable, "-m", "gpt_exp.job", str(folder.path)],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment, "GPT_EXP_MANAGER": str(os.getpid()), "COLUMNS": "100"},
                start_new_session=True,
            )

    def poll(self) -> Ending | None:
        """How it ended; None while it goes on."""
        code = self._process.poll()
        if code is None:
            self._keep_to_limits()
            return None
        self._signal(signal.SIGKILL)  # What it left running.
        was_interrupted = self._kill_at is not None and self._cause is None
        status, console = self.folder.status(), end(self.folder.console, LAST_BYTES, after=self._start)
        return ending(code, status, console, self._cause, was_interrupted=was_interrupted)

    def stop(self, cause: str | None = None) -> None:
        """Let it save and stop; a second call ends it at once. With a cause it counts as failed.

        The first signal is for the job's first process alone: it tells the others of a distributed run, and
        needs the workers that load its data until it has saved.
        """
        self._cause = self._cause or cause
        if self._kill_at is None:
            if cause is not None:
                stop_request.ask(self.folder, cause, "failed")
            self._process.terminate()
        else:
            self._signal(signal.SIGKILL)
        self._kill_at = monotonic() + GRACE_SECONDS

    def _keep_to_limits(self) -> None:
        now = monotonic()
        if self._kill_at is not None and now > self._kill_at:
            self._signal(signal.SIGKILL)
        elif self._kill_at is None and now > self._look_at:
            self._look_at = now + LOOK_SECONDS
            if cause := self._exceeded():
                self.stop(cause)

    def _exceeded(self) -> str | None:
        """The limit that the job has passed, in words."""
        timeout, silence, memory = self._limits
        if timeout is not None and monotonic() - self._began > 60 * timeout:
            return f"timed out after {timeout:g} min (sweep.timeout)"
        quiet = self._silence.seconds(last_sign(self.folder))
        if silence is not None and quiet > 60 * silence:
            return f"hung: not a line in {quiet / 60:.2g} min (sweep.silence)"
        if memory is not None and (used := self._memory()) > memory * 1e9:
            return f"out of memory: {used / 1e9:.2g} GB of {memory:g} GB (sweep.memory)"
        return None

    def _memory(self) -> int:
        """Bytes of memory that the job's processes hold."""
        used = 0
        with suppress(psutil.Error):
            process = psutil.Process(self._process.pid)
            for each in (process, *process.children(recursive=True)):
                with suppress(psutil.Error):
                    used += each.memory_info().rss
        return used

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


class Silence:
    """For how long nothing new was seen, by a clock that stands still while the machine sleeps."""

    def __init__(self) -> None:
        self._sign = 0.0
        self._since = monotonic()

    def seconds(self, sign: float) -> float:
        """`sign`: when something last happened, by whatever clock."""
        if sign != self._sign:
            self._sign, self._since = sign, monotonic()
        return monotonic() - self._since


def last_sign(folder: RunFolder) -> float:
    """When a run's process last wrote something, in Unix seconds; 0 for never."""
    files = (folder.console, folder.log, folder.metrics, folder.speed, folder.samples, folder.saved)
    return max((file.stat().st_mtime for file in files if file.exists()), default=0.0)
