"""How many problems are solved by any of k attempts: pass@k."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

import numpy as np

from gpt_exp.interfaces import Prediction
from gpt_exp.task.metric.base import SumMetric, mean


class PassAtK(SumMetric):
    """The unbiased estimate from n >= k attempts a problem (Chen et al. 2021, arXiv:2107.03374, equation 1).

    An output is a list of n booleans: which attempts passed the tests. Fractions of 1; main is that of the
    smallest k. Raises ValueError for a `k` below 1 or twice, and for a problem with fewer attempts than the
    largest.
    """

    main: str

    def __init__(self, *, ks: Sequence[int] = (1,)) -> None:
        if not ks or min(ks) < 1 or len(set(ks)) < len(ks):
            raise ValueError(f"ks={list(ks)} must be one or more distinct numbers from 1")
        super().__init__(len(ks) + 1)
        self.ks = tuple(ks)
        self.main = f"pass@{min(ks)}"

    def statistics(self, prediction: Prediction) -> np.ndarray:
        passed = prediction.output
        if len(passed) < max(self.ks):
            raise ValueError(f"pass@{max(self.ks)} needs as many attempts at each problem, not {len(passed)}")
        return np.array([*(_probability(len(passed), sum(map(bool, passed)), k) for k in self.ks), 1])

    def values(self, sums: np.ndarray) -> dict[str, float]:
        return {f"pass@{k}": mean(total, sums[-1]) for k, total in zip(self.ks, sums[:-1], strict=True)}


def _probability(num_attempts: int, num_passed: int, k: int) -> float:
    """That k of the attempts, drawn without replacement, hold one that passed."""
    return 1 - comb(num_attempts - num_passed, k) / comb(num_attempts, k)
