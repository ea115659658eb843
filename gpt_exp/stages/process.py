"""A stage's job as a process of its own, on this terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from time import sleep
from typing import Any

from gpt_exp.errors import UserError
from gpt_exp.run import lock
from gpt_exp.run.folder import RunFolder

POLL_SECONDS = 0.2
STOPPED = tuple(128 + number for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1))


class StageFailed(UserError):
    """A stage's job has come to a bad end; what is wrong it has told."""

    exit_code = 1


def finish(run: RunFolder, name: str) -> None:
    """Bring a run to its end, or wait while another process does.

    Raises StageFailed where that ends otherwise, and SystemExit where a signal stopped it.
    """
    while run.status().get("state") != "finished":
        if lock.is_held(run.path):  # By another command, or by a job whose command was killed: it stops.
            sleep(POLL_SECONDS)
            continue
        code = run_job(run)
        is_finished = run.status().get("state") == "finished"
        if code in STOPPED:
            sys.exit(code)
        if code and not is_finished and not lock.is_held(run.path):
            told = f"was killed by {signal.Signals(-code).name}" if code < 0 else "failed"
            raise StageFailed(f"stages.{name} {told} ({run.path}); the same command tries it again")


def run_job(run: RunFolder) -> int:
    """`python -m gpt_exp.job FOLDER` until its end; its exit code.

    SIGINT and SIGTERM are handed on, so that it saves, and count as stopping it however it ends.
    """
    told: list[int] = []

    def hand_on(number: int, frame: Any) -> None:
        told.append(number)
        process.terminate()

    process = subprocess.Popen(
        [sys.executable, "-m", "gpt_exp.job", str(run.path)],
        env={**os.environ, "GPT_EXP_MANAGER": str(os.getpid())},
    )
    former = {number: signal.signal(number, hand_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        code = process.wait()
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
    return 128 + told[0] if told and code else code
