"""A language model that is all contract: a next token depends on all tokens seen, and on their places."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn


class TinyModel(nn.Module):
    """Running sums of embeddings; a cache holds the sum so far."""

    def __init__(self, *, vocab_size: int = 11, context_length: int = 12) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.shape = SimpleNamespace(context_length=context_length)
        self.embedding = nn.Embedding(vocab_size, 8)
        self.positions = nn.Embedding(context_length, 8)
        self.dropout = nn.Dropout(0.5)
        self.output = nn.Linear(8, vocab_size)
        self.num_read = 0

    def new_cache(self, batch_size: int, max_length: int) -> SimpleNamespace:
        return SimpleNamespace(length=0, max_length=max_length, total=torch.zeros(batch_size, 1, 8))

    def forward(self, tokens: Tensor, *, cache: Any = None) -> Tensor:
        time, start = tokens.size(1), cache.length if cache else 0
        self.num_read += time
        places = self.positions(torch.arange(start, start + time))
        total = (self.embedding(tokens) * places).cumsum(1)
        if cache:
            assert start + time <= cache.max_length
            total = total + cache.total
            cache.length, cache.total = start + time, total[:, -1:]
        return self.dropout(total)

    def logits(self, hidden: Tensor) -> Tensor:
        return self.output(hidden)


@pytest.fixture
def model() -> TinyModel:
    return TinyModel()
