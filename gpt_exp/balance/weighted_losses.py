"""What every balancing shares: a weight for each task's loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Self

from torch import Tensor, nn


class WeightedLosses(nn.Module, ABC):
    """The sum of the tasks' losses, each times its weight, which a subclass knows.

    Weights hold still within a step, so that `loss` adds up over its micro-batches and devices.
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = tuple(names)

    @abstractmethod
    def factors(self) -> Tensor:
        """The weights `(tasks,)`."""

    def loss(self, losses: Tensor) -> Tensor:
        """A scalar from `(tasks,)`."""
        return (self.factors() * losses).sum()

    def weights(self) -> dict[str, float]:
        """The weights by the tasks' names."""
        return dict(zip(self.names, self.factors().tolist(), strict=True))

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        # A precision such as bf16-true casts whole modules, and bfloat16 would lose steps of less than 1 %.
        return super()._apply(lambda tensor: fn(tensor).to(tensor.dtype), recurse)
