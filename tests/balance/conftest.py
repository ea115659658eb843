"""Two quadratics whose minima, gradients and losses are known at any point."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from torch import Tensor


class Quadratics(NamedTuple):
    """The losses curvature / 2 |x - centre|^2 + floor of two tasks that share x."""

    curvatures: Tensor  # (tasks,)
    centres: Tensor  # (tasks, dimensions)
    floors: Tensor  # (tasks,)

    def losses(self, x: Tensor) -> Tensor:
        return self.curvatures / 2 * (x - self.centres).square().sum(1) + self.floors

    def gradients(self, x: Tensor) -> Tensor:
        """`(tasks, dimensions)`"""
        return self.curvatures[:, None] * (x - self.centres)


@pytest.fixture
def quadratics() -> Quadratics:
    return Quadratics(
        torch.tensor([1.0, 4.0]), torch.tensor([[0.0, 0.0], [1.0, 0.0]]), torch.tensor([0.5, 2.0])
    )
