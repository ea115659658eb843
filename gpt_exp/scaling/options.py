"""The model options of conf/model by their size, as far as their family tells it without being built."""

from __future__ import annotations

from functools import cache
from math import log
from typing import Any, NamedTuple

import yaml

from gpt_exp.config import feasibility
from gpt_exp.config.location import conf_folder, groups


class Option(NamedTuple):
    name: str
    N: float


def nearest_option(N: float, vocab_size: int, parameters: str) -> Option | None:
    """The option of conf/model whose size is nearest by ratio; None where that is off by more than a half."""
    near = min(sizes(vocab_size, parameters), key=lambda option: abs(log(option.N / N)), default=None)
    return near if near is not None and 2 / 3 <= near.N / N <= 3 / 2 else None


@cache
def sizes(vocab_size: int, parameters: str) -> list[Option]:
    """Every option with its parameters at a vocabulary, counted as `parameters` says."""
    found = []
    for name in groups().get("model", []):
        if not name.startswith("_") and (shape := _shape(name, vocab_size)) is not None:
            total, without = shape.num_parameters, shape.num_parameters_without_embeddings
            found.append(Option(name, total if parameters == "total" else without))
    return found


def _shape(name: str, vocab_size: int) -> Any:
    node = _node(name) | {"vocab_size": vocab_size}
    try:
        return feasibility.shape({"model": node}, vocab_size)
    except (TypeError, ValueError):  # An option that needs values, or another vocabulary.
        return None


def _node(name: str) -> dict[str, Any]:
    """An option with the options of its own defaults list, as Hydra would compose them."""
    own = yaml.safe_load((conf_folder() / "model" / f"{name}.yaml").read_text())
    bases = [base for base in own.pop("defaults", []) if base != "_self_"]
    return {key: value for base in bases for key, value in _node(base).items()} | own
