"""A class from the last hidden state of a sequence."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class ClassificationHead(nn.Module):
    """Logits `(batch, num_classes)` of hidden states `(batch, embedding_dim)`: dropout and one layer.

    GPT, section 3.2: Radford et al. 2018. The layer begins at zero, so that every class is equally likely.
    """

    def __init__(self, shape: Any, *, num_classes: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(shape.embedding_dim, num_classes)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.output(self.dropout(hidden))


def last_states(hidden: Tensor, lengths: Tensor) -> Tensor:
    """The hidden state of each sequence's last token, `(batch, embedding_dim)`; lengths are `(batch,)`."""
    return hidden[torch.arange(len(hidden), device=hidden.device), lengths - 1]


def mean_states(hidden: Tensor, lengths: Tensor) -> Tensor:
    """The mean of each sequence's hidden states, `(batch, embedding_dim)`; lengths are `(batch,)`."""
    inside = torch.arange(hidden.shape[1], device=hidden.device) < lengths[:, None]
    return (hidden * inside[..., None]).sum(1) / lengths[:, None]
