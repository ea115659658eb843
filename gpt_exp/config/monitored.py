"""What callbacks watch, against where it should go as its name tells. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from gpt_exp.config.problem import Problem
from gpt_exp.run.better import better

BETTER = {"min": "lower", "max": "higher"}


def chosen_by(config: DictConfig) -> tuple[str, str]:
    """The metric by which the best checkpoint is chosen, and what of it is better: min or max."""
    checkpoint = "callback.checkpoint"
    monitor = OmegaConf.select(config, f"{checkpoint}.monitor") or "val/loss"
    return monitor, OmegaConf.select(config, f"{checkpoint}.mode") or "min"


def problems(config: Mapping[str, Any]) -> Iterable[Problem]:
    """A mode that keeps the worst: it was forgotten, or is left of the metric that a recipe had."""
    callbacks = config.get("callback") or {}
    for name, node in callbacks.items() if isinstance(callbacks, Mapping) else ():
        if isinstance(node, Mapping):
            yield from _contradicted(f"callback.{name}", node.get("monitor"), node.get("mode"))
            yield from _others(f"callback.{name}.best_of", node.get("best_of"))


def _others(key: str, best_of: Any) -> Iterator[Problem]:
    for name, node in best_of.items() if isinstance(best_of, Mapping) else ():
        if isinstance(node, Mapping):
            yield from _contradicted(f"{key}.{name}", node.get("metric"), node.get("mode"))


def _contradicted(key: str, metric: Any, mode: Any) -> Iterator[Problem]:
    wanted, mode = better(metric) if isinstance(metric, str) else None, mode or "min"
    if wanted is not None and mode in BETTER and mode != wanted:
        message = f"{metric} is better the {BETTER[wanted]} it is, and the mode is {mode}"
        yield Problem(f"{key}.mode", message, "", f"{key}.mode={wanted}")
