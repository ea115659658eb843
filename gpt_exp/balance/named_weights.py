"""Weights that a user gives to some of the tasks by name."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor


def named_weights(names: Sequence[str], weights: Mapping[str, float]) -> Tensor:
    """`(tasks,)`, 1 where none is named; ValueError for no such task, and for what is no weight."""
    for name, weight in weights.items():
        if name not in names:
            raise ValueError(f"balance.weights.{name}: no such task{_meant(name, names)}")
        if not 0 <= weight < math.inf:
            raise ValueError(f"balance.weights.{name}={weight} must be finite and at least 0")
    return torch.tensor([float(weights.get(name, 1)) for name in names])


def _meant(name: str, names: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]}?" if close else f"; there is {', '.join(names)}"
