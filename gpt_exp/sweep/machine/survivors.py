"""Jobs that outlived their sweep's manager, which was killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from time import monotonic, sleep

from gpt_exp.errors import UserError
from gpt_exp.run import lock
from gpt_exp.run.folder import RunFolder
from gpt_exp.sweep.folder import Job, SweepFolder

PATIENCE_SECONDS = 30.0  # In which they save and stop: the system tells them that their manager is gone.


def wait_for_survivors(folder: SweepFolder, jobs: list[Job], tell: Callable[[str], None]) -> None:
    """Wait until no job is at work any more; on this machine one that does not stop is ended."""
    for job in jobs:
        run = folder.run(job)
        if job.state == "running" and lock.is_held(run.path):
            tell(f"waiting for job {job.number:04d}, which is still at work, to save and stop")
            _wait(run)


def _wait(run: RunFolder) -> None:
    give_up = monotonic() + PATIENCE_SECONDS
    while lock.is_held(run.path):
        sleep(0.2)
        if monotonic() < give_up:
            continue
        if (pid := lock.holder(run.path)) is None and lock.is_held(run.path):
            raise UserError(f"{run.path} is in use: another machine trains in it; stop it there")
        if pid is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(os.getpgid(pid), signal.SIGKILL)
