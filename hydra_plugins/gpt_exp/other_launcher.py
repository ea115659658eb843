"""Runs of a sweep in the hands of another Hydra launcher."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from hydra.core.plugins import Plugins
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf, read_write

from gpt_exp.config.overrides import quoted
from gpt_exp.sweep.cluster.node import work

SURROUNDINGS = {
    "SLURM_KILL_BAD_EXIT": "1",  # When a process of a run fails, srun ends those that would wait for it.
    "RAY_USAGE_STATS_ENABLED": "0",  # Nothing is sent anywhere unasked.
}
CARRIED = ("GPT_EXP_", "PYTHONPATH")  # Variables that machines of a Ray cluster get; SLURM takes all.
_starting = Lock()


class OtherLauncher:
    """`hydra.launcher` of this config, made anew for every launch: it keeps what it was made with."""

    def __init__(self, hydra_context: HydraContext, config: DictConfig) -> None:
        self._hydra_context = hydra_context
        self._config = config
        for name, value in SURROUNDINGS.items():
            os.environ.setdefault(name, value)
        logging.getLogger("hydra_plugins").setLevel(logging.WARNING)  # The sweep itself tells of its jobs.
        logging.getLogger("submitit").setLevel(logging.ERROR)  # Where sacct is missing it warns on and on.

    def hand_over(self, runs: Sequence[Path], folder: Path, name: str) -> Any:
        """Launch a job for each run folder, whose config lies there; what Hydra returns when all have ended.

        `folder` is for the launcher's own files.
        """
        config = self._config.copy()
        with read_write(config.hydra):
            config.hydra.sweep.dir = str(folder)
            if "name" in config.hydra.launcher:
                config.hydra.launcher.name = name
        if "ray" in config.hydra.launcher:
            start_ray(OmegaConf.to_container(config.hydra.launcher.ray.init, resolve=True))
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=self._hydra_context, task_function=work, config=config
        )
        return launcher.launch([told(run) for run in runs], initial_job_idx=0)


def start_ray(init: Any) -> None:
    """Start a local Ray or join a cluster, as `hydra.launcher.ray.init` says.

    The launcher itself would name a size of the object store, which a cluster that runs refuses.
    """
    import ray

    with _starting:
        if not ray.is_initialized():
            carried = {name: value for name, value in os.environ.items() if name.startswith(CARRIED)}
            own = {"include_dashboard": False, "log_to_driver": False, "runtime_env": {"env_vars": carried}}
            ray.init(**{**own, **init})


def told(run: Path) -> list[str]:
    """The overrides with which a job finds its run folder and leaves nothing elsewhere."""
    path = quoted(str(run.absolute()))
    return [f"hydra.sweep.dir={path}", "hydra.sweep.subdir=.", f"++paths.run={path}"]
