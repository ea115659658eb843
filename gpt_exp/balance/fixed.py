"""Weights of the user's choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from gpt_exp.balance.named_weights import named_weights
from gpt_exp.balance.weighted_losses import WeightedLosses


class Fixed(WeightedLosses):
    """`weights` by the tasks' names, 1 where none is named: the sum of all losses.

    Raises ValueError for a name that is no task's and for a weight below 0.
    """

    _factors: Tensor

    def __init__(self, names: Sequence[str], *, weights: Mapping[str, float] | None = None) -> None:
        super().__init__(names)
        # Not persistent: the config says them, not the checkpoint.
        self.register_buffer("_factors", named_weights(names, weights or {}), persistent=False)

    def factors(self) -> Tensor:
        return self._factors
