"""Weights by homoscedastic uncertainty: what a task cannot explain counts less."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gpt_exp.balance.weighted_losses import WeightedLosses


class Uncertainty(WeightedLosses):
    """A task's weight is exp(-s) with a learnt log variance s (Kendall et al. 2018, arXiv:1705.07115).

    The objective is theirs of classification, the sum over the tasks of exp(-s) L + s / 2, since all losses
    are cross-entropies (that of regression would have L / 2). Its minimum is at s = log(2 L), a weight of
    1 / (2 L); s starts at 0, a weight of 1.

    Its gradient by s, 1/2 - exp(-s) L, needs a step's losses alone. So s descends by itself with a `lr` of
    its own, free of the network's optimizer, clipping and weight decay, and follows log(2 L) within some
    2 / lr steps. Raises ValueError for a `lr` that is not above 0.
    """

    log_variances: Tensor

    def __init__(self, names: Sequence[str], *, lr: float = 0.02) -> None:
        super().__init__(names)
        if not lr > 0:
            raise ValueError(f"balance.lr={lr} must be above 0")
        self.lr = lr
        self.register_buffer("log_variances", torch.zeros(len(names)))

    def factors(self) -> Tensor:
        return torch.exp(-self.log_variances)

    @torch.no_grad()
    def after_step(self, losses: Tensor) -> None:
        """A step of gradient descent, for the tasks with a finite loss."""
        gradients = torch.where(losses.isfinite(), 0.5 - self.factors() * losses, 0.0)
        self.log_variances.sub_(self.lr * gradients)
