"""The share of outputs that are what was asked for, letter for letter."""

from __future__ import annotations

import numpy as np

from gpt_exp.interfaces import Prediction
from gpt_exp.task.metric.base import SumMetric, mean
from gpt_exp.task.metric.texts import texts


class ExactMatch(SumMetric):
    """Outputs that equal any of their references but for white space around them, 0 to 100."""

    main = "exact_match"
    best = 100.0

    def __init__(self) -> None:
        super().__init__(2)

    def statistics(self, prediction: Prediction) -> np.ndarray:
        return np.array([matches(prediction), 1], dtype=np.float64)

    def values(self, sums: np.ndarray) -> dict[str, float]:
        return {"exact_match": 100 * mean(*sums)}


def matches(prediction: Prediction) -> bool:
    """Whether the output equals a reference, white space around them aside."""
    output, references = texts(prediction)
    return output.strip() in {each.strip() for each in references}
