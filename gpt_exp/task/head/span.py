"""Where in a sequence an answer begins and ends."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


class SpanHead(nn.Module):
    """Two scores of each token, `(batch, time, 2)`: that the answer begins there, that it ends there.

    BERT, section 4.2: Devlin et al. 2019, arXiv:1810.04805.
    """

    def __init__(self, shape: Any) -> None:
        super().__init__()
        self.output = nn.Linear(shape.embedding_dim, 2)
        nn.init.normal_(self.output.weight, std=0.02)
        nn.init.zeros_(self.output.bias)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.output(hidden)
