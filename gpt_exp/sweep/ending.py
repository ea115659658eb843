"""How a job's process ended, in a word and a line."""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping
from typing import Any, NamedTuple

OUT_OF_MEMORY = re.compile(
    r"MemoryError|OutOfMemoryError|out of memory|can't allocate memory|bad_alloc|Cannot allocate memory"
)
STOPPED = tuple(128 + number for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1))
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
TRACEBACK = re.compile(r"^[A-Za-z_][\w.]*(Error|Exception|Interrupt|Exit)\b.*")


class Ending(NamedTuple):
    """What became of a job."""

    state: str  # finished | stopped | failed
    reason: str | None = None
    out_of_memory: bool = False


def ending(
    exit_code: int,
    status: Mapping[str, Any],
    console: str,
    cause: str | None = None,
    *,
    was_interrupted: bool = False,
) -> Ending:
    """From a process's exit code, its run's status, what it printed, and why we ended it, if we did.

    A negative code is the signal that killed it, as `subprocess` tells. A job that was interrupted with its
    sweep has not failed, even if it had no time to save.
    """
    state = status.get("state")
    if state == "finished":
        return Ending("finished")
    if cause is not None:
        return Ending("failed", cause, out_of_memory=cause.startswith("out of memory"))
    if (exit_code in STOPPED and state in ("stopped", "pruned")) or (was_interrupted and exit_code != 0):
        return Ending("stopped", status.get("reason"))
    reason = _reason(exit_code, status, console)
    told = f"{reason}{last_words(console)}"  # Another process of a distributed run may have said it.
    return Ending("failed", reason, out_of_memory=bool(OUT_OF_MEMORY.search(told)))


def _reason(exit_code: int, status: Mapping[str, Any], console: str) -> str:
    if exit_code < 0:
        return _killed(-exit_code, console)
    if status.get("state") == "failed" and status.get("reason"):
        return one_line(status["reason"])
    if exit_code == 0:
        return "ended with exit code 0 before it was finished (sys.exit?)"
    return f"exit code {exit_code}{last_words(console)}"


def _killed(number: int, console: str) -> str:
    name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
    if number == signal.SIGKILL:
        return f"killed by {name} (by somebody, or by the system when memory ran out)"
    return f"killed by {name}{last_words(console)}"


def last_words(console: str) -> str:
    """The last line that tells an error, with a colon before it; empty where there is none."""
    for line in reversed(console.splitlines()[-50:]):
        if line.startswith("error: ") or TRACEBACK.match(line) or OUT_OF_MEMORY.search(line):
            return f": {one_line(line.removeprefix('error: '))}"
    return ""


def one_line(text: str, limit: int = 300) -> str:
    """What another program said, without its line breaks and its orders to a terminal."""
    line = " ".join(CONTROL.sub(" ", text).split())
    return line if len(line) <= limit else f"{line[: limit - 3]}..."
