"""Dynamic weight averaging: the slower a task's loss falls, the more it counts."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gpt_exp.balance.weighted_losses import WeightedLosses


class DynamicAverage(WeightedLosses):
    """Weights are softmax(r / temperature) times the number of tasks (Liu et al. 2019, arXiv:1803.10704).

    r is a task's mean loss in an interval of `every_n_steps` by that in the interval before, and 1 until
    there are two. Means are over the steps that have the task; an interval without it leaves its r as it is.
    Raises ValueError for an interval of less than a step and for a temperature that is not above 0.
    """

    _factors: Tensor
    sums: Tensor  # Of this interval so far, (tasks,), as are the counts.
    counts: Tensor
    steps: Tensor  # Of this interval so far, ().
    means: Tensor  # (2, tasks): of each task's latest interval, and of the one before.

    def __init__(self, names: Sequence[str], *, every_n_steps: int = 100, temperature: float = 2.0) -> None:
        super().__init__(names)
        if every_n_steps < 1:
            raise ValueError(f"balance.every_n_steps={every_n_steps} must be at least 1")
        if not temperature > 0:
            raise ValueError(f"balance.temperature={temperature} must be above 0")
        self.every_n_steps, self.temperature = every_n_steps, temperature
        self.register_buffer("_factors", torch.ones(len(names)))
        self.register_buffer("sums", torch.zeros(len(names)))
        self.register_buffer("counts", torch.zeros(len(names), dtype=torch.int64))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.register_buffer("means", torch.full((2, len(names)), torch.nan))

    def factors(self) -> Tensor:
        return self._factors

    @torch.no_grad()
    def after_step(self, losses: Tensor) -> None:
        """Counts the finite losses, and weighs anew at the end of an interval."""
        seen = losses.isfinite()
        self.sums.add_(torch.where(seen, losses, 0.0))
        self.counts.add_(seen)
        self.steps.add_(1)
        if int(self.steps) >= self.every_n_steps:
            self._end_interval()

    def _end_interval(self) -> None:
        shifted = torch.stack([self.sums / self.counts, self.means[0]])
        self.means.copy_(torch.where(self.counts > 0, shifted, self.means))
        rates = self.means[0] / self.means[1]
        rates = torch.where(rates.isfinite(), rates, 1.0)
        self._factors.copy_(len(self.names) * torch.softmax(rates / self.temperature, 0))
        for counted in (self.sums, self.counts, self.steps):
            counted.zero_()
