"""First weights."""

from __future__ import annotations

import math

from torch import nn

from gpt_exp.model.shape import INIT_STD


def initialize(
    model: nn.Module,
    *,
    num_layers: int,
    std: float = INIT_STD,
    zero_init_residual: bool = False,
    width_ratio: float = 1.0,
) -> None:
    """Normal weights of `std` and zero biases; smaller where a block joins the residual stream.

    Those shrink with sqrt(2 * num_layers), the number of joins (GPT-2, section 2.3), or start at zero: then
    every block is the identity at first (Goyal et al. 2017, arXiv 1706.02677, section 5.1). All of a block's
    shrink with sqrt(width_ratio): `gpt_exp/model/parametrization.py`.
    """
    block_std = std / math.sqrt(width_ratio)
    residual_std = 0.0 if zero_init_residual else block_std / math.sqrt(2 * num_layers)
    for name, module in model.named_modules():
        if isinstance(module, nn.LayerNorm | nn.RMSNorm):
            module.reset_parameters()
        elif isinstance(module, nn.Linear | nn.Embedding):
            joins = name.endswith(("attention.output", "mlp.down"))
            own = block_std if name.startswith("blocks.") else std
            nn.init.normal_(module.weight, std=residual_std if joins else own)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
