"""Scores of items from a hidden state, by weights that are not those of the embedding."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


class ItemHead(nn.Module):
    """Scores `(..., vocab)` of hidden states `(..., embedding_dim)`; the bias can learn what is popular."""

    def __init__(self, shape: Any) -> None:
        super().__init__()
        self.output = nn.Linear(shape.embedding_dim, shape.vocab_size)
        nn.init.normal_(self.output.weight, std=0.02)
        nn.init.zeros_(self.output.bias)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.output(hidden)
