"""GradNorm: all tasks pull equally hard at the weights they share, those that lag behind a little harder."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gpt_exp.balance.weighted_losses import WeightedLosses


class GradNorm(WeightedLosses):
    """Weights that bring the norm G of each weighted gradient to mean(G) r^alpha (Chen et al. 2018).

    r is a task's loss by its first one, relative to the mean of that over the tasks; `alpha` 0 makes all
    norms equal. As in the paper (arXiv:1711.02257) weights start at 1, descend the distances of G from such
    targets, held constant, with a `lr` of their own, and are rescaled to sum to the number of tasks. Unlike
    there
    - distances and weights are logarithms: weights stay above 0, and `lr` suits norms of any scale;
    - targets are divided by the mean of r^alpha: else no weights meet them all, and one can run away.

    Only tasks with a loss and a norm above 0 take part in a step; the others keep their weight, and so does
    a task that is alone. Raises ValueError for an `alpha` below 0 and for a `lr` that is not above 0.
    """

    _factors: Tensor
    first_losses: Tensor  # (tasks,); NaN until there is one.

    def __init__(self, names: Sequence[str], *, alpha: float = 1.5, lr: float = 0.025) -> None:
        super().__init__(names)
        if not alpha >= 0:
            raise ValueError(f"balance.alpha={alpha} must be at least 0")
        if not lr > 0:
            raise ValueError(f"balance.lr={lr} must be above 0")
        self.alpha, self.lr = alpha, lr
        self.register_buffer("_factors", torch.ones(len(names)))
        self.register_buffer("first_losses", torch.full((len(names),), torch.nan))

    def factors(self) -> Tensor:
        return self._factors

    @torch.no_grad()
    def after_norms(self, losses: Tensor, norms: Tensor) -> None:
        """A step of gradient descent on the sum of |log G - log target| by the weights' logarithms."""
        seen = _is_positive(losses) & _is_positive(norms)
        self.first_losses.copy_(torch.where(seen & self.first_losses.isnan(), losses, self.first_losses))
        before = self._factors[seen]
        rates = losses[seen] / self.first_losses[seen]
        weighted, powers = before * norms[seen], (rates / rates.mean()) ** self.alpha
        targets = weighted.mean() * powers / powers.mean()
        after = before * torch.exp(-self.lr * torch.sign(weighted - targets))
        self._factors[seen] = (after * before.sum() / after.sum()).to(before.dtype)


def _is_positive(values: Tensor) -> Tensor:
    return (values > 0) & values.isfinite()
