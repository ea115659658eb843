"""Lower layers learn slower: they know what is general, and it should not be forgotten."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn


def decay_by_layer(optimizer: torch.optim.Optimizer, model: nn.Module, factor: float) -> None:
    """Split the groups by layer: each layer's learning rate is `factor` times that of the layer above it.

    Final norm, output and heads keep theirs, the last block has `factor` times it, and so on down to the
    embeddings (Howard and Ruder 2018, arXiv:1801.06146, section 3.2). Call it before a scheduler is made.
    ValueError unless 0 < factor <= 1; with 1 nothing changes.
    """
    if not 0 < factor <= 1:
        raise ValueError(f"layer-wise decay={factor} must be above 0 and at most 1 (no decay)")
    if factor == 1:
        return
    below = layers_below_top(model)
    groups = [part for group in optimizer.param_groups for part in _split(group, below, factor)]
    optimizer.param_groups[:] = groups


def layers_below_top(model: nn.Module) -> dict[int, int]:
    """How far below the top a parameter (its id) lies: blocks 1 and more, embeddings the most, others 0."""
    heads, blocks = getattr(model, "heads", None), list(model.blocks)  # type: ignore[arg-type]
    below = {id(parameter): 0 for parameter in model.parameters()}
    for embedding in _embeddings(model.children(), without=heads):
        below |= {id(parameter): len(blocks) + 1 for parameter in embedding.parameters()}
    for layer, block in enumerate(blocks):
        below |= {id(parameter): len(blocks) - layer for parameter in block.parameters()}
    return below


def _embeddings(modules: Iterable[nn.Module], without: nn.Module | None) -> list[nn.Module]:
    inner = [module for child in modules if child is not without for module in child.modules()]
    return [module for module in inner if isinstance(module, nn.Embedding)]


def _split(group: dict[str, Any], below: dict[int, int], factor: float) -> list[dict[str, Any]]:
    """The group's parameters layer by layer, from the top: a log shows the first group's learning rate."""
    layers = defaultdict(list)
    for parameter in group["params"]:
        layers[below[id(parameter)]].append(parameter)
    return [{**group, "params": layers[depth], "lr": group["lr"] * factor**depth} for depth in sorted(layers)]
