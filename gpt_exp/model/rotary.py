"""Rotary position embeddings (Su et al. 2021, arXiv 2104.09864), with Llama 3's stretched wavelengths."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

Rotation = tuple[Tensor, Tensor]  # Cosine and sine, each (batch or 1, 1, time, head_dim / 2), fp32.


def rotation_at(
    positions: Tensor, *, head_dim: int, theta: float, scaling: Mapping[str, float] | None
) -> Rotation:
    """The angles of `positions` `(batch or 1, time)`: computed anew each time, so no buffer can go stale."""
    exponents = torch.arange(0, head_dim, 2, device=positions.device).float() / head_dim
    frequencies = 1.0 / theta**exponents
    if scaling is not None:
        frequencies = _stretched(frequencies, scaling)
    angles = positions[:, None, :, None] * frequencies
    return angles.cos(), angles.sin()


def rotate(x: Tensor, rotation: Rotation) -> Tensor:
    """Turn `(batch, heads, time, head_dim)` by its positions; dimension i is paired with i + head_dim / 2."""
    cos, sin = rotation  # fp32: the products are too, whatever x is.
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1).to(x.dtype)


def _stretched(frequencies: Tensor, scaling: Mapping[str, float]) -> Tensor:
    """Llama 3.1: long wavelengths `factor` times longer, short ones as they were, a ramp between."""
    turns = scaling["original_max_position_embeddings"] * frequencies / (2 * math.pi)
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    keep = ((turns - low) / (high - low)).clamp(0, 1)
    return frequencies * (keep + (1 - keep) / scaling["factor"])
