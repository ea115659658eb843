"""First weights."""

from __future__ import annotations

import math

from torch import nn

STD = 0.02  # GPT-2's, at every width.


def initialize(model: nn.Module, *, num_layers: int, zero_init_residual: bool) -> None:
    """Normal weights of std 0.02 and zero biases; smaller where a block joins the residual stream.

    Those shrink with sqrt(2 * num_layers), the number of joins (GPT-2, section 2.3), or start at zero: then
    every block is the identity at first (Goyal et al. 2017, arXiv 1706.02677, section 5.1).
    """
    residual_std = 0.0 if zero_init_residual else STD / math.sqrt(2 * num_layers)
    for name, module in model.named_modules():
        if isinstance(module, nn.LayerNorm | nn.RMSNorm):
            module.reset_parameters()
        elif isinstance(module, nn.Linear | nn.Embedding):
            joins = name.endswith(("attention.output", "mlp.down"))
            nn.init.normal_(module.weight, std=residual_std if joins else STD)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
