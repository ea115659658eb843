"""Maximal-update parametrisation: a learning rate found on a narrow network serves a wider one.

Yang et al. 2022, arXiv:2203.03466, in the form of its table 8, where one table may be input and output. With
r = `width_ratio`, the width by that of the base, where this is the standard parametrisation:

                                    first std       output      AdamW's learning rate
    embeddings, norms, biases       as the base     as it is    as the base
    linear layers in the blocks     / sqrt(r)       as it is    / r
    output tables, a task's heads   as the base     / r         as the base

Attention scores are divided by head_dim, not by its root (definition 4.1). Queries, keys, values and the MLP
are wider by r too; the number of layers is as the base's. The first std is set by `initialize`, the learning
rate by `gpt_exp/optimizer/width.py`, the scale of attention by `attend`.
"""

from __future__ import annotations

import math

from torch import Tensor, nn

from gpt_exp.model.shape import Shape


def fan_in_ratios(model: nn.Module, shape: Shape) -> dict[str, float]:
    """Of each linear layer in the blocks that reads the width, its weight's name and the width's ratio.

    A low-rank adapter's first matrix is one of them, its second reads the rank. At the base's width: none.
    """
    widths = (shape.embedding_dim, shape.num_heads * shape.head_dim, shape.hidden_dim)
    if shape.width_ratio == 1:
        return {}
    return {
        f"{name}.weight": shape.width_ratio
        for name, module in model.named_modules()
        if name.startswith("blocks.") and isinstance(module, nn.Linear) and module.in_features in widths
    }


def final_states(normalised: Tensor, shape: Shape) -> Tensor:
    """What output tables and heads read: all of them are divided by the width's ratio here."""
    return normalised if shape.width_ratio == 1 else normalised / shape.width_ratio


def standard_state(model: nn.Module, shape: Shape) -> dict[str, Tensor]:
    """The state of a network in the standard parametrisation that gives the same final states and logits.

    The width's ratio goes into the final norm, the scale of attention into the queries, or their norm.
    """
    state, scale = dict(model.state_dict()), shape.attention_scale
    for name in state:
        if name.startswith("final_norm."):
            state[name] = final_states(state[name], shape)
    if scale is None:
        return state
    factor, num_queries = scale * math.sqrt(shape.head_dim), shape.num_heads * shape.head_dim
    has_norms = any(name.endswith("attention.query_norm.weight") for name in state)
    for name, tensor in state.items():
        if name.endswith("attention.query_norm.weight"):
            state[name] = tensor * factor
        elif ".query_key_value." in name and not has_norms:
            state[name] = tensor.clone()
            state[name][:num_queries] *= factor
    return state
