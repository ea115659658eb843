"""Settings of fine-tuning that fit every signature and still do nothing or cannot be. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gpt_exp.config.feasibility import get
from gpt_exp.config.problem import Problem

DROPOUTS = ("model.dropout", "adapter.dropout", "task.dropout")


def problems(config: dict[str, Any]) -> Iterable[Problem]:
    """Everything of this kind that is wrong with a resolved training config."""
    yield from _r_drop(config)
    yield from _layer_decay(config)
    yield from _last_layers(config)


def _r_drop(config: dict[str, Any]) -> Iterable[Problem]:
    if get(config, "module.r_drop", 0) and not any(get(config, key, 0) for key in DROPOUTS):
        message = "two passes are the same without dropout: set model.dropout, such as 0.1"
        yield Problem("module.r_drop", message)


def _layer_decay(config: dict[str, Any]) -> Iterable[Problem]:
    factor = get(config, "module.layer_decay")
    if isinstance(factor, int | float) and not 0 < factor <= 1:
        yield Problem("module.layer_decay", f"{factor} must be above 0 and at most 1 (no decay)")


def _last_layers(config: dict[str, Any]) -> Iterable[Problem]:
    kind = str(get(config, "adapter._target_", "")).rpartition(".")[2]
    chosen, there = get(config, "adapter.num_layers"), get(config, "model.num_layers")
    known = kind == "last_layers" and isinstance(chosen, int) and isinstance(there, int)
    if known and not 1 <= chosen <= there:
        yield Problem("adapter.num_layers", f"{chosen} must be from 1 to {there}, the model's layers")
