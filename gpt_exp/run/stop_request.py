"""A wish that a run stops: a file in its folder that anybody may write, with the reason as its text.

`pruned: ...` and `failed: ...` say in which state the run is to end; without such a word it is stopped, and
may go on.
"""

from __future__ import annotations

from typing import NamedTuple

from gpt_exp.run import durable
from gpt_exp.run.folder import RunFolder

ENDS = ("pruned", "failed")


class StopRequest(NamedTuple):
    """The run saves and ends in this state."""

    reason: str
    state: str = "stopped"  # stopped | pruned | failed


def ask(run: RunFolder, reason: str, state: str = "stopped") -> None:
    durable.write_file(run.stop_request, reason if state == "stopped" else f"{state}: {reason}")


def asked(run: RunFolder) -> StopRequest | None:
    """What was asked of the run, if anything was."""
    try:
        text = run.stop_request.read_text().strip()
    except FileNotFoundError:
        return None
    state, _, reason = text.partition(": ")
    return StopRequest(reason, state) if state in ENDS else StopRequest(text)
