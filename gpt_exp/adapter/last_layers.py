"""Only the upper layers train: most of the memory and of the time of the backward pass are saved."""

from __future__ import annotations

from typing import Any

from torch import nn

from gpt_exp.adapter.trainable import freeze_all_but_heads


def last_layers(model: nn.Module, *, num_layers: int) -> None:
    """The last `num_layers` blocks, the final norm and the task's heads train.

    The embeddings and the output table stay frozen, tied or not. ValueError for layers that are not there.
    """
    blocks: Any = model.blocks
    if not 1 <= num_layers <= len(blocks):
        raise ValueError(
            f"adapter.num_layers={num_layers} must be from 1 to {len(blocks)}, the model's layers"
        )
    freeze_all_but_heads(model)
    for trained in (*blocks[-num_layers:], model.final_norm):
        trained.requires_grad_(True)
