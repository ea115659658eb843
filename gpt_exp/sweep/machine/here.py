"""Jobs on this machine: a process each, in slots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from gpt_exp.config import cost, feasibility
from gpt_exp.run.folder import RunFolder
from gpt_exp.sweep.ending import Ending
from gpt_exp.sweep.folder import Job
from gpt_exp.sweep.machine.process import Limits, Process
from gpt_exp.sweep.machine.slots import Slot, Slots, available_memory, gpus, num_cores
from gpt_exp.sweep.settings import Settings

PROCESS_BYTES = 0.8e9  # Of a job that has imported torch, before its model.
MARGIN = 1.5  # Memory estimates are rough.


class Here:
    """Starts a job where a slot is free."""

    outlives_sweep = False  # The system stops jobs whose manager is gone.

    def __init__(self, slots: Slots, limits: Limits) -> None:
        self.num_slots = slots.count
        self._slots = slots
        self._limits = limits
        self._needed: dict[Path, int] = {}

    def has_room(self) -> bool:
        return self._slots.is_free()

    def start(self, job: Job, run: RunFolder) -> InSlot | None:
        slot = self._slots.take(self._devices(run))
        if slot is None:
            return None
        return InSlot(Process(run, slot.environment, self._limits), self._slots, slot)

    def _devices(self, run: RunFolder) -> int:
        """Kept: a job that waits for room is asked again and again."""
        if run.path not in self._needed:
            config: Any = OmegaConf.to_container(run.config())
            self._needed[run.path] = num_devices(config)
        return self._needed[run.path]


class InSlot:
    """A process that gives its slot back when it ends."""

    def __init__(self, process: Process, slots: Slots, slot: Slot) -> None:
        self._process = process
        self._slots = slots
        self._slot = slot

    def poll(self) -> Ending | None:
        ended = self._process.poll()
        if ended is not None:
            self._slots.give_back(self._slot)
        return ended

    def stop(self, cause: str | None = None) -> None:
        self._process.stop(cause)


def num_devices(config: dict[str, Any]) -> int:
    """The devices that a job asks for; a large number for all that there are."""
    return feasibility.num_devices(config) or 1_000_000


def this_machine(settings: Settings, configs: Sequence[dict[str, Any]], num_jobs: int) -> Here:
    """Slots for jobs like those of these resolved configs."""
    devices = () if all(map(cost.on_cpu, configs)) else gpus()
    count = settings.slots
    if not isinstance(count, int):
        count = min(_fitting(config, num_jobs, devices) for config in configs)
    return Here(Slots(count, gpus=devices), Limits(settings.timeout, settings.silence, settings.memory))


def _fitting(config: dict[str, Any], num_jobs: int, devices: tuple[str, ...]) -> int:
    """As many such jobs at a time as cores and memory, or GPUs, allow."""
    needed = min(num_devices(config), len(devices) or num_cores())
    if devices:
        return max(1, len(devices) // needed)
    if not cost.on_cpu(config):
        return 1  # On a device that can't be counted without torch.
    job = cost.of(config)
    each = PROCESS_BYTES + (MARGIN * job.memory.total if job is not None else 0)
    return max(1, min(num_jobs, num_cores() // needed, int(available_memory() / (needed * each))))
