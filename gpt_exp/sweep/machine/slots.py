"""What jobs run on: a share of the cores each, or GPUs of their own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import psutil


class Slot(NamedTuple):
    """What one job has to itself."""

    gpus: tuple[str, ...]  # By their number or UUID; empty on a CPU.
    threads: int  # For each of the job's processes.

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that keep a job to its slot."""
        visible = {"CUDA_VISIBLE_DEVICES": ",".join(self.gpus)} if self.gpus else {}
        return {**visible, "OMP_NUM_THREADS": str(self.threads)}


class Slots:
    """Hands out slots and takes them back, at most `count` at a time.

    Without GPUs a job has its share of the cores. With GPUs it has as many of them as it asks for, or all.
    """

    def __init__(self, count: int, *, gpus: tuple[str, ...] = (), cores: int | None = None) -> None:
        self.count = count
        self._gpus = gpus
        self._free = list(gpus)
        self._used = 0
        self._cores = cores or num_cores()

    def is_free(self) -> bool:
        return self._used < self.count and (bool(self._free) or not self._gpus)

    def take(self, devices: int) -> Slot | None:
        """A slot for a job on this many devices; None while there is none free."""
        needed = min(devices, len(self._gpus))
        processes = max(1, min(devices, len(self._gpus) or self._cores))
        if self._used == self.count or needed > len(self._free):
            return None
        self._used += 1
        taken, self._free = tuple(self._free[:needed]), self._free[needed:]
        return Slot(taken, max(1, self._cores // (self.count * processes)))

    def give_back(self, slot: Slot) -> None:
        self._used -= 1
        self._free = sorted([*self._free, *slot.gpus], key=self._gpus.index)


def num_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gpus() -> tuple[str, ...]:
    """The NVIDIA GPUs that this process may use, without torch."""
    if (visible := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return tuple(name for name in visible.split(",") if name and name != "-1")
    found = Path("/proc/driver/nvidia/gpus")
    return tuple(str(index) for index, _ in enumerate(found.iterdir())) if found.is_dir() else ()


def available_memory() -> int:
    """Bytes of memory that are free to use now."""
    return psutil.virtual_memory().available
