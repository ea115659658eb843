"""Jobs on other machines, through another Hydra launcher: submitit_slurm or ray.

All that the sweep knows of such a job it reads in the job's run folder, on a filesystem that the machines
share, and in SLURM's queue. SLURM's jobs outlive the sweep, and the same command finds them again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from gpt_exp.errors import UserError
from gpt_exp.run import durable, lock
from gpt_exp.run.folder import RunFolder, read_json
from gpt_exp.sweep.cluster.launched import Launch, Launched
from gpt_exp.sweep.cluster.node import launch_file
from gpt_exp.sweep.cluster.slurm import Queue
from gpt_exp.sweep.folder import Job
from gpt_exp.sweep.machine.process import Limits
from gpt_exp.sweep.settings import Settings

TRIALS_AT_A_TIME = 4  # Of a search: it learns nothing from jobs that have not ended.

# Hands run folders to the launcher, with a folder for its own files and a name; returns when all have ended.
HandOver = Callable[[Sequence[Path], Path, str], Any]


def elsewhere(hand_over: HandOver, launcher: Mapping[str, Any]) -> Callable[..., Elsewhere]:
    """What makes the place for a sweep's jobs; `launcher` is the resolved `hydra.launcher`."""
    on_slurm = launcher["_target_"].endswith(".SlurmLauncher")

    def make_place(settings: Settings, configs: Sequence[Mapping[str, Any]], num_jobs: int) -> Elsewhere:
        for config in configs:
            check(launcher, config["trainer"], on_slurm=on_slurm)
        num_slots = TRIALS_AT_A_TIME if settings.sampler is not None else num_jobs
        if isinstance(settings.slots, int):
            num_slots = settings.slots
        limits = Limits(settings.timeout, settings.silence)
        return Elsewhere(hand_over, num_slots, limits, Queue() if on_slurm else None)

    return make_place


def check(launcher: Mapping[str, Any], trainer: Mapping[str, Any], *, on_slurm: bool) -> None:
    """Raises UserError where the launcher's processes are not those that the trainer waits for."""
    tasks, nodes = launcher.get("tasks_per_node", 1), launcher.get("nodes", 1)
    devices = trainer["devices"] if on_slurm else 1
    if isinstance(devices, int) and tasks != devices:
        why = "trainer.devices: SLURM has a task for each" if on_slurm else "the job starts its own processes"
        raise UserError(f"hydra.launcher.tasks_per_node={tasks} must be {devices} ({why})")
    if nodes != trainer["num_nodes"]:
        raise UserError(f"hydra.launcher.nodes={nodes} must be trainer.num_nodes, {trainer['num_nodes']}")


class Elsewhere:
    """Hands over together what is started together: on SLURM one job array."""

    def __init__(self, hand_over: HandOver, num_slots: int, limits: Limits, queue: Queue | None) -> None:
        self.num_slots = num_slots
        self.queue = queue
        self._limits = limits
        self._hand_over = hand_over
        self._gathered: list[Launched] = []
        self._out: list[Launched] = []

    @property
    def outlives_sweep(self) -> bool:
        """Whether jobs go on when the sweep is killed."""
        return self.queue is not None

    def has_room(self) -> bool:
        self._out = [each for each in self._out if each.ended is None]
        return len(self._out) < self.num_slots

    def start(self, job: Job, run: RunFolder) -> Launched | None:
        """The job, where it is in the queue already; else it is handed over at the next look at any job."""
        self._out = [each for each in self._out if each.ended is None]
        if len(self._out) >= self.num_slots:
            return None
        launched = Launched(run, self._limits, self.queue, self.launch)
        name, index, state = self._in_queue(run)
        if state is not None:
            launched.name, launched.index = name, index
        else:
            self._gathered.append(launched)
        if state in (None, "PENDING"):
            run.stop_request.unlink(missing_ok=True)  # Of a sweep before.
        self._out.append(launched)
        return launched

    def launch(self) -> None:
        """Hand over what was gathered, except for runs that the jobs of a killed sweep have not left yet."""
        waiting = [each for each in self._gathered if each.ended is None]
        ready = [each for each in waiting if not lock.is_held(each.run.path)]
        self._gathered = [each for each in waiting if each not in ready]
        if not ready:
            return
        folder = ready[0].run.path.parent
        name = f"{re.sub(r'[^A-Za-z0-9_.-]', '_', folder.parent.name)}-{uuid4().hex[:8]}"
        launch = Launch(ready, partial(self._hand_over, [each.run.path for each in ready], folder, name))
        for index, each in enumerate(ready):
            durable.write_file(launch_file(each.run), json.dumps({"name": name, "index": index}) + "\n")
            each.name, each.index, each.launch = name, index, launch
        launch.thread.start()

    def _in_queue(self, run: RunFolder) -> tuple[str, int, str | None]:
        """Under which name, in which place and in which state SLURM has this run from a sweep before."""
        known = read_json(launch_file(run))
        if self.queue is None or not known:
            return "", 0, None
        entry = self.queue.find(known["name"], known["index"], surely=True)
        state = None if entry is None or entry.is_over else entry.state
        return known["name"], known["index"], state
