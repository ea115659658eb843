"""A model with every kind of parameter that an optimizer tells apart."""

import pytest
import torch
from torch import Tensor, nn


class TinyModel(nn.Module):
    """Embedding, two residual blocks with a fused weight and biases, a norm, an output."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(16, 8)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(8), nn.Linear(8, 24), nn.GELU(), nn.Linear(24, 8)) for _ in range(2)
        )
        self.norm = nn.LayerNorm(8)
        self.output = nn.Linear(8, 16, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        hidden = self.embedding(tokens)
        for block in self.blocks:
            hidden = hidden + block(hidden)
        return self.output(self.norm(hidden))


@pytest.fixture
def model() -> TinyModel:
    return TinyModel()
