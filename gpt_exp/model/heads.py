"""What a task adds to a model, hosted by name: heads on its hidden states, adapters before its blocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

HEADS = "heads"


def host(model: nn.Module, heads: Mapping[str, Callable[[Any], nn.Module]]) -> None:
    """Put `model.heads[name]`, made from the model's shape, beside its blocks; heads of the same name stay.

    They are part of the model's weights, optimizers and shards from then on.
    """
    hosted = getattr(model, HEADS, None)
    if hosted is None:
        hosted = nn.ModuleDict()
        if heads:
            model.add_module(HEADS, hosted)
    for name, make in heads.items():
        if name not in hosted:
            hosted[name] = make(model.shape)


def without_heads(state: Mapping[str, Any]) -> dict[str, Any]:
    """A state dict's tensors of the language model alone."""
    return {name: tensor for name, tensor in state.items() if not name.startswith(f"{HEADS}.")}
