"""How far up a list the right item stands: hit rate, NDCG and reciprocal rank."""

from __future__ import annotations

import math

import numpy as np

from gpt_exp.interfaces import Prediction
from gpt_exp.task.metric.base import SumMetric, mean


class Ranking(SumMetric):
    """Means over predictions with one right item each, fractions of 1; main is NDCG.

    An output is a list of distinct items, best first; the reciprocal rank counts all of it, the others the
    first `k`. With one right item the ideal gain is 1, so NDCG is 1 / log2(1 + rank) (Järvelin and
    Kekäläinen 2002). Raises ValueError for a `k` below 1 and for an output that is no list.
    """

    main: str

    def __init__(self, *, k: int = 10) -> None:
        if k < 1:
            raise ValueError(f"k={k} must be at least 1")
        super().__init__(4)
        self.k = k
        self.main = f"ndcg@{k}"

    def statistics(self, prediction: Prediction) -> np.ndarray:
        items, right = prediction.output, prediction.reference
        if not isinstance(items, list | tuple):
            raise ValueError(f"a prediction's output must be a list of items, best first, not {items!r}")
        rank = items.index(right) + 1 if right in items else math.inf
        hit = rank <= self.k
        return np.array([hit, hit / math.log2(1 + rank), 1 / rank, 1])

    def values(self, sums: np.ndarray) -> dict[str, float]:
        names = (f"hit_rate@{self.k}", self.main, "mrr")
        return {name: mean(total, sums[-1]) for name, total in zip(names, sums[:-1], strict=True)}
