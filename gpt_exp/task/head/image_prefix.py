"""An image as vectors before a text: its patches through a projector."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

CHANNELS = 3


class ImagePrefix(nn.Module):
    """Vectors `(batch, (size / patch)**2, embedding_dim)` of images, uint8 `(batch, size, size, 3)`.

    Patches row by row, each projected on its own: by one layer (ViT: Dosovitskiy et al. 2021,
    arXiv:2010.11929, as in Fuyu), or with `hidden_dim` by two with a GELU between (LLaVA-1.5: Liu et al.
    2023, arXiv:2310.03744); then a learnt vector is added for the place.
    """

    def __init__(self, shape: Any, *, size: int, patch: int, hidden_dim: int | None = None) -> None:
        super().__init__()
        self.size, self.patch = size, patch
        num_values, embedding_dim = CHANNELS * patch**2, shape.embedding_dim
        self.projector: nn.Module
        if hidden_dim is None:
            self.projector = nn.Linear(num_values, embedding_dim)
        else:
            first, second = nn.Linear(num_values, hidden_dim), nn.Linear(hidden_dim, embedding_dim)
            self.projector = nn.Sequential(first, nn.GELU(), second)
        self.positions = nn.Parameter(torch.randn((size // patch) ** 2, embedding_dim) * 0.02)

    def forward(self, images: Tensor) -> Tensor:
        return self.projector(patches(images, self.patch)) + self.positions


def patches(images: Tensor, patch: int) -> Tensor:
    """`(batch, patches, values)`, from -1 to 1, of uint8 `(batch, height, width, channels)`."""
    values = images.float() / 127.5 - 1
    rows = values.unflatten(2, (-1, patch)).unflatten(
        1, (-1, patch)
    )  # (batch, rows, patch, columns, patch, 3)
    return rows.transpose(2, 3).flatten(3).flatten(1, 2)
