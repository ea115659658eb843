"""First weights."""

from __future__ import annotations

import math

from torch import nn

STD = 0.02  # GPT-2's, at every width.


def initialize(
    model: nn.Module, *, num_layers: int, zero_init_residual: bool, width_ratio: float = 1.0
) -> None:
    """Normal weights of std 0.02 and zero biases; smaller where a block joins the residual stream.

    Those shrink with sqrt(2 * num_layers), the number of joins (GPT-2, section 2.3), or start at zero: then
    every block is the identity at first (Goyal et al. 2017, arXiv 1706.02677, section 5.1). All of a block's
    shrink with sqrt(width_ratio): `gpt_exp/model/parametrization.py`.
    """
    block_std = STD / math.sqrt(width_ratio)
    residual_std = 0.0 if zero_init_residual else block_std / math.sqrt(2 * num_layers)
    for name, module in model.named_modules():
        if isinstance(module, nn.LayerNorm | nn.RMSNorm):
            module.reset_parameters()
        elif isinstance(module, nn.Linear | nn.Embedding):
            joins = name.endswith(("attention.output", "mlp.down"))
            std = block_std if name.startswith("blocks.") else STD
            nn.init.normal_(module.weight, std=residual_std if joins else std)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
