"""SLURM's queue, as squeue and scancel tell and change it: they need no accounting database."""

from __future__ import annotations

import subprocess
from collections.abc import Collection
from time import monotonic
from typing import NamedTuple

from gpt_exp.errors import UserError

PATIENCE = 60.0  # Seconds.
ASK_SECONDS = 10.0  # A cluster's controller answers many users.
OVER = (
    "BOOT_FAIL",
    "CANCELLED",
    "COMPLETED",
    "DEADLINE",
    "FAILED",
    "NODE_FAIL",
    "OUT_OF_MEMORY",
    "PREEMPTED",
    "TIMEOUT",
)


class Entry(NamedTuple):
    """A job in the queue, or one that left it in the last minutes (MinJobAge)."""

    id: str  # As scancel takes it: 12, or 12_3 in an array.
    state: str

    @property
    def is_over(self) -> bool:
        return self.state in OVER


class Queue:
    """Entries by name and by place in their array, as of at most ten seconds ago."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._entries: dict[tuple[str, int], Entry] = {}
        self._ask_at = 0.0

    def find(self, name: str, index: int, *, surely: bool = False) -> Entry | None:
        """None for a job that is not there yet, or has long left.

        `surely`: raises UserError where SLURM does not answer; else the last answer counts.
        """
        if surely and name not in self._names:
            self._ask_at = 0.0
        self._names.add(name)
        if monotonic() >= self._ask_at:
            self._ask_at = monotonic() + ASK_SECONDS
            try:
                self._entries = entries(self._names)
            except (OSError, subprocess.SubprocessError) as error:
                if surely:
                    said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
                    raise UserError(f"squeue: {said[-1].removeprefix('squeue: ')}") from error
        return self._entries.get((name, index))

    def cancel(self, name: str, index: int, *, waiting: bool) -> None:
        """Take a job out of the queue; `waiting`: only if it has not begun."""
        entry = self._entries.pop((name, index))
        state = ["--state=PENDING"] if waiting else []
        subprocess.run(["scancel", *state, entry.id], check=False, capture_output=True, timeout=PATIENCE)


def entries(names: Collection[str]) -> dict[tuple[str, int], Entry]:
    """All that SLURM knows under these names."""
    asked = [
        "--noheader",
        "--array",
        "--states=all",
        "--format=%j|%K|%i|%T",
        f"--name={','.join(sorted(names))}",
    ]
    told = subprocess.run(
        ["squeue", *asked], check=True, capture_output=True, text=True, timeout=PATIENCE
    ).stdout
    found = {}
    for line in told.splitlines():
        name, index, job, state = line.strip().split("|")
        found[name, int(index) if index.isdigit() else 0] = Entry(job, state)  # No array: N/A.
    return found
