"""A candidate program, run with its tests in a process of its own.

What is guaranteed (on Linux and macOS): it ends after its time, with all processes of its group and, on
Linux, also where it has left the group; CPU time, file sizes and, on Linux, memory are bounded by the kernel;
it has no environment and no input, works in a folder that is removed, and does not pass unless its tests ran
to their end. What is tried: sockets, other processes and changes of files elsewhere raise PermissionError by
an audit hook, and on Linux there is no network where the kernel allows namespaces. It can read what the user
can read. So a model's mistakes do no harm, but code that is written to break out may: for that, run all of
gpt-exp in a container or a virtual machine.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple

Outcome = Literal["passed", "failed", "timeout", "memory"]
CHILD = str(Path(__file__).with_name("child.py"))  # Not imported: Windows has no module `resource`.
WAITING = 4  # Wall-clock seconds for each of CPU time: others may use the cores, too.
STARTING = 2.0  # Seconds for the interpreter.
LEAST_MEGABYTES = 64


class Job(NamedTuple):
    """A program and its tests; with a `module` these are the docstring of `name` there: its examples."""

    program: str
    tests: str
    module: str | None = None
    name: str = ""


class Limits(NamedTuple):
    """Of one candidate."""

    seconds: int = 3  # Of CPU time; four times as many may pass.
    megabytes: int = 512  # Of address space.

    def checked(self) -> Limits:
        """Itself; ValueError for less than a second or less than an interpreter needs."""
        if self.seconds < 1:
            raise ValueError(f"task.tests.seconds={self.seconds} must be at least 1")
        if self.megabytes < LEAST_MEGABYTES:
            raise ValueError(f"task.tests.megabytes={self.megabytes} must be at least {LEAST_MEGABYTES}")
        return self


def run_all(jobs: Sequence[Job], limits: Limits) -> list[Outcome]:
    """What becomes of each, in their order; as many run at a time as there are cores."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda job: run(job, limits), jobs))


def run(job: Job, limits: Limits) -> Outcome:
    """Whether a program passes its tests. Raises ValueError where the system has no such limits."""
    if sys.platform == "win32":
        raise ValueError("generated code is run on Linux and macOS only: Windows has no resource limits")
    secret = secrets.token_hex()  # So that no candidate says by accident what the runner should say.
    message = json.dumps({**job._asdict(), **limits._asdict(), "secret": secret}).encode()
    reading, writing = os.pipe()
    with tempfile.TemporaryDirectory(prefix="gpt-exp-", ignore_cleanup_errors=True) as folder:
        try:
            code = _finished(message, folder, writing, limits)
            return _outcome(code, _said(reading), secret)
        finally:
            os.close(reading)


def _finished(message: bytes, folder: str, writing: int, limits: Limits) -> int | None:
    """The exit code of the child, all of whose processes are gone then; None where it took too long."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", CHILD, str(writing)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env={},
        pass_fds=(writing,),
        start_new_session=True,
    )
    os.close(writing)
    try:
        process.communicate(message, timeout=STARTING + WAITING * limits.seconds)
        return process.returncode
    except subprocess.TimeoutExpired:
        return None
    finally:
        _kill_group(process.pid)
        process.wait()


def _kill_group(group: int) -> None:
    with suppress(ProcessLookupError):  # All have ended.
        os.killpg(group, signal.SIGKILL)


def _said(reading: int) -> str:
    """What was reported; a process that left the group may still hold the pipe open."""
    os.set_blocking(reading, False)
    try:
        return os.read(reading, 1000).decode(errors="replace")
    except BlockingIOError:
        return ""


def _outcome(code: int | None, said: str, secret: str) -> Outcome:
    """The kernel kills with SIGXCPU or SIGKILL what used up its CPU time; what says nothing has failed."""
    if code in (None, 128 + signal.SIGXCPU, 128 + signal.SIGKILL):
        return "timeout"
    told = said.removeprefix(f"{secret} ").split()
    outcome = told[0] if said.startswith(secret) and told else "failed"
    return "passed" if outcome == "passed" else "memory" if outcome == "memory" else "failed"
