"""A lock that goes with the process that holds it, however that ends."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

from gpt_exp.errors import UserError

PATIENCE = 1.0  # Seconds: whoever only looks whether it is held holds it for a moment.


@contextmanager
def hold(folder: Path, others_work: str) -> Iterator[None]:
    """Keep every other process out of a folder; raises UserError where one is in it."""
    with (folder / ".lock").open("a") as file:
        give_up = monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if monotonic() > give_up:
                    raise UserError(f"{folder} is in use: another process {others_work}") from None
                sleep(0.05)
        file.truncate(0)
        file.write(f"{os.getpid()} {socket.gethostname()}")
        file.flush()
        yield


def is_held(folder: Path) -> bool:
    """Whether a living process holds the folder's lock."""
    try:
        with (folder / ".lock").open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # Never held, or a filesystem without locks.
        return False
    return False


def holder(folder: Path) -> int | None:
    """The process of this machine that holds the folder's lock."""
    if not is_held(folder):
        return None
    pid, _, host = (folder / ".lock").read_text().partition(" ")
    return int(pid) if pid and host == socket.gethostname() else None
