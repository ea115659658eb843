"""How often labels are right: accuracy, macro F1 and Matthews' correlation from the confusion matrix."""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence

import numpy as np

from gpt_exp.interfaces import Prediction
from gpt_exp.task.metric.base import SumMetric, mean


class ClassificationMetric(SumMetric):
    """Fractions of 1; main is accuracy. An output that is none of the labels is wrong.

    Raises ValueError for labels that are fewer than two or not distinct, and for a reference that is none.
    """

    main = "accuracy"

    def __init__(self, labels: Sequence[str]) -> None:
        if len(labels) < 2 or len(set(labels)) < len(labels):
            raise ValueError(f"labels={list(labels)} must be at least two, and distinct")
        super().__init__(len(labels) * (len(labels) + 1))
        self.labels = tuple(labels)
        self._index = {label: index for index, label in enumerate(labels)}

    def statistics(self, prediction: Prediction) -> np.ndarray:
        """A 1 in the flattened confusion matrix."""
        output, reference = prediction.output, prediction.reference
        if reference not in self._index:
            raise ValueError(f"reference {reference!r} is not among the labels{self._nearest(reference)}")
        matrix = np.zeros((len(self.labels), len(self.labels) + 1))
        matrix[self._index[reference], self._index.get(output, -1)] = 1
        return matrix.ravel()

    def confusion(self, sums: np.ndarray) -> np.ndarray:
        """`(labels, labels + 1)`: a row a reference, a column an output, the last for what is no label."""
        return sums.reshape(len(self.labels), len(self.labels) + 1)

    def values(self, sums: np.ndarray) -> dict[str, float]:
        matrix = self.confusion(sums)
        references, outputs, right = matrix.sum(1), matrix.sum(0), matrix.diagonal()
        return {
            "accuracy": mean(right.sum(), matrix.sum()),
            "macro_f1": _macro_f1(references, outputs[:-1], right),
            "matthews": _matthews(references, outputs, right),
        }

    def _nearest(self, reference: object) -> str:
        close = difflib.get_close_matches(str(reference), self.labels, n=1)
        return f"; did you mean {close[0]!r}?" if close else f": {', '.join(self.labels)}"


def _macro_f1(references: np.ndarray, outputs: np.ndarray, right: np.ndarray) -> float:
    """The mean over those labels that occur, as reference or as output: scikit-learn's default."""
    occurrences = references + outputs
    present = occurrences > 0
    return mean((2 * right[present] / occurrences[present]).sum(), present.sum())


def _matthews(references: np.ndarray, outputs: np.ndarray, right: np.ndarray) -> float:
    """For any number of classes (Gorodkin 2004, R_K); what is no label is a class of its own.

    0 where all references or all outputs are one class: it is undefined there.
    """
    total = references.sum()
    covariance = right.sum() * total - references @ outputs[:-1]
    variances = (total**2 - references @ references) * (total**2 - outputs @ outputs)
    return float(covariance / math.sqrt(variances)) if variances else mean(0, total)
