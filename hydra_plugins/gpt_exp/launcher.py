"""This machine's slots as Hydra knows them: `hydra/launcher=slots`, which gpt-exp chooses by itself."""

from __future__ import annotations

from collections.abc import Sequence

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from gpt_exp.errors import UserError


class SlotLauncher(Launcher):
    """A process a job, in slots of cores or GPUs that are refilled one by one: gpt_exp.sweep does it."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Hydra's own call is for batches that wait for their slowest job."""
        raise UserError("hydra/launcher=slots goes with hydra/sweeper=gpt_exp; another sweeper needs another")


ConfigStore.instance().store(
    group="hydra/launcher", name="slots", node={"_target_": f"{__name__}.SlotLauncher"}, provider="gpt-exp"
)
