"""How well a model knows texts, beside what else it learns of them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gpt_exp.interfaces import Model


def text_losses(model: Model, hidden: Tensor, tokens: Tensor, lengths: Tensor) -> Tensor:
    """The mean cross-entropy of each text's tokens after the first, `(batch,)`, in nats.

    `hidden` `(batch, time, embedding_dim)` are the states of `tokens` `(batch, time)`, of which the first
    `lengths` `(batch,)` are a text. All logits stand in memory at once.
    """
    inside = torch.arange(tokens.shape[1] - 1, device=tokens.device) < lengths[:, None] - 1
    logits = model.logits(hidden[:, :-1][inside][None])[0].float()
    losses = torch.zeros(inside.shape, device=tokens.device)
    losses[inside] = F.cross_entropy(logits, tokens[:, 1:][inside], reduction="none")
    return losses.sum(1) / (lengths - 1)
