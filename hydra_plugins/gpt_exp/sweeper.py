"""Hydra's way to gpt_exp.sweep: `hydra/sweeper=gpt_exp`, which gpt-exp chooses by itself."""

from __future__ import annotations

from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf


class GptExpSweeper(Sweeper):
    """A grid, or the search that `sweep=...` names, in a sweep folder that can be gone on with."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context = hydra_context
        self.config = config

    def sweep(self, arguments: list[str]) -> Any:
        from gpt_exp.config.hydra_app import own_options
        from gpt_exp.sweep.carry_out import carry_out

        given = self.config.hydra.overrides.hydra  # Another launcher, and its settings.
        hydras = [text for text in given if not text.startswith("hydra.mode=")]  # -m
        texts = [text.removeprefix("++") for text in [*hydras, *arguments]]
        config_name = self.config.hydra.job.config_name
        return carry_out(texts, own_options(), config_name, make_place=self._place_maker())

    def _place_maker(self) -> Any:
        from gpt_exp.sweep.cluster.elsewhere import elsewhere
        from gpt_exp.sweep.machine.here import this_machine
        from hydra_plugins.gpt_exp.other_launcher import OtherLauncher

        launcher: Any = OmegaConf.to_container(self.config.hydra.launcher, resolve=True)
        if launcher["_target_"].endswith(".SlotLauncher"):
            return this_machine
        return elsewhere(OtherLauncher(self.hydra_context, self.config).hand_over, launcher)


ConfigStore.instance().store(
    group="hydra/sweeper", name="gpt_exp", node={"_target_": f"{__name__}.GptExpSweeper"}, provider="gpt-exp"
)
