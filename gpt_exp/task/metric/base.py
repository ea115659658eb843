"""Metrics that are functions of sums: they add up over batches and devices, and can be bootstrapped."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric

from gpt_exp.interfaces import Prediction


class SumMetric(Metric, ABC):
    """Sums `statistics` over predictions; a subclass says what they are and what the sums mean.

    See `PredictionMetric`. Sums are kept in float64: counts stay exact.
    """

    full_state_update = False
    is_differentiable = False
    main: str
    higher_is_better = True
    best = 1.0
    sums: Tensor

    def __init__(self, num_statistics: int) -> None:
        super().__init__()
        self.set_dtype(torch.float64)
        self.add_state("sums", torch.zeros(num_statistics, dtype=torch.float64), dist_reduce_fx="sum")

    @abstractmethod
    def statistics(self, prediction: Prediction) -> np.ndarray:
        """What one prediction adds to the sums, `(num_statistics,)` float64."""

    @abstractmethod
    def values(self, sums: np.ndarray) -> dict[str, float]:
        """The figures by name, from sums over any number of predictions."""

    def score(self, prediction: Prediction) -> float:
        """The main figure of one prediction alone, to find the best and the worst; its sign is kept."""
        return float(self.values(self.statistics(prediction))[self.main])

    def update(self, predictions: Sequence[Prediction]) -> None:
        if predictions:
            added = np.sum([self.statistics(prediction) for prediction in predictions], axis=0)
            self.sums += torch.from_numpy(added).to(self.sums.device)

    def compute(self) -> dict[str, Tensor]:
        values = self.values(self.sums.cpu().numpy())
        return {name: torch.tensor(value, dtype=torch.float64) for name, value in values.items()}


def mean(total: float, count: float) -> float:
    """A total over a count; nan over nothing, without numpy's warning."""
    return float(total / count) if count else math.nan
