"""Dropout (Srivastava et al. 2014), with a mask that a CPU draws ten times faster than torch's."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEVELS = 256  # A byte of randomness a value: on a CPU, p is rounded to a 256th.


class Dropout(nn.Module):
    """`nn.Dropout`, by bytes on a CPU."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0 or not by_bytes(x):
            return F.dropout(x, self.p, self.training)
        return x * keep_mask(x.shape, self.p, x.dtype).mul_(keep_scale(self.p))


def by_bytes(x: Tensor) -> bool:
    """Whether masks are drawn here; the compiler has a generator of its own."""
    return x.device.type == "cpu" and not torch.compiler.is_compiling()


def keep_mask(shape: Sequence[int], p: float, dtype: torch.dtype) -> Tensor:
    """1 where a value stays, else 0: by a random byte each, cut from 64-bit numbers of torch's CPU generator.

    Numbers, not truth values: a product of two float tensors takes a quarter of the time.
    """
    size = math.prod(shape)
    words = torch.empty(-(-size // 8), dtype=torch.int64).random_(-(2**63), None)
    randomness = words.view(torch.uint8)[:size].view(tuple(shape))
    return torch.ge(randomness, dropped_levels(p), out=torch.empty(tuple(shape), dtype=dtype))


def keep_scale(p: float) -> float:
    """What keeps the mean: of the probability that the mask really has."""
    return LEVELS / (LEVELS - dropped_levels(p))


def dropped_levels(p: float) -> int:
    return min(max(round(LEVELS * p), 1), LEVELS - 1)
