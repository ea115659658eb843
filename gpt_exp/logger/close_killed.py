"""End the tracked runs of a job that was killed and could not do so itself.

    python -m gpt_exp.logger.close_killed RUN_FOLDER STATE REASON

They are opened as if the job went on, which also gives them what the process had not sent, and closed.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING

from gpt_exp.run.folder import RunFolder
from gpt_exp.run.lines import read

if TYPE_CHECKING:
    from gpt_exp.logger.tracker import Tracker

TIMEOUT = 120.0  # Seconds, for the libraries' imports and for servers that are away.
OPEN = ".open"  # Of the file that a tracker keeps in the run folder while its tracked run is open.
log = logging.getLogger(__name__)


def close_killed(run: RunFolder, state: str, reason: str) -> None:
    """Close what is open in this state (failed, stopped or pruned); costs nothing where nothing is.

    What it says goes to the job's console.log. Never raises: no tracker is worth a sweep.
    """
    if not any(run.path.glob(f"*{OPEN}")):
        return
    command = [sys.executable, "-m", "gpt_exp.logger.close_killed", str(run.path), state, reason]
    with suppress(OSError, subprocess.SubprocessError), run.console.open("ab") as console:
        subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=console, stderr=console, timeout=TIMEOUT, check=False
        )


def main() -> None:
    folder, state, reason = RunFolder(sys.argv[1]), *sys.argv[2:4]
    with folder.lock():  # It is not open because of a job that still lives.
        last_step = max((record["step"] for record in read(folder.metrics)), default=0)
        for tracker in open_trackers(folder):
            try:
                tracker.start(last_step)
                tracker.close(state, reason)
            except Exception as error:  # The next one may be there.
                log.warning("%s is not closed: %s: %s", type(tracker).__name__, type(error).__name__, error)


def open_trackers(folder: RunFolder) -> Iterator[Tracker]:
    """Made anew from the run's config."""
    for node in folder.config().logger.values():
        module, _, name = node["_target_"].rpartition(".")
        if (folder.path / f"{name}{OPEN}").exists():
            yield getattr(import_module(module), name)(**{k: v for k, v in node.items() if k != "_target_"})


if __name__ == "__main__":
    main()
