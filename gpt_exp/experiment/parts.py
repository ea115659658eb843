"""A node of a config as an object; the only place, with its neighbours, where both are known."""

from __future__ import annotations

from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from gpt_exp.config import targets
from gpt_exp.config.problem import refuse
from gpt_exp.errors import UserError
from gpt_exp.growth.growth import Growth
from gpt_exp.run.folder import RunFolder
from gpt_exp.task.several import Several


def read_config(folder: RunFolder) -> DictConfig:
    """A run's own config; the folder may come from elsewhere, so what it may call is checked again."""
    config = folder.config()
    refuse(targets.problems(OmegaConf.to_container(config, resolve=True)))
    return config


def make(node: DictConfig, **arguments: Any) -> Any:
    """The object that a node describes; the error of a wrong value is the constructor's own."""
    try:
        return instantiate(node, _convert_="all", **arguments)
    except InstantiationException as error:
        if isinstance(error.__cause__, ValueError | UserError):
            raise error.__cause__ from None
        raise


def make_task(config: DictConfig) -> Any:
    """What is learnt: a task, or `tasks` side by side."""
    if config.get("tasks"):
        return Several({str(name): make(node.task) for name, node in config.tasks.items()})
    return make(config.task)


def make_growth(config: DictConfig) -> Growth:
    return make(config.growth) if config.get("growth") else Growth()
