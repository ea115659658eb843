"""How surprised a model is by what people wrote: loss and perplexity a token."""

from __future__ import annotations

import math

import numpy as np

from gpt_exp.interfaces import Prediction
from gpt_exp.task.metric.base import SumMetric, mean


class Perplexity(SumMetric):
    """Mean loss over all target tokens, in nats, and its exponential, which is main; lower is better.

    An output is {"nats": their sum, "num_targets": over so many tokens}; a reference is for the reader only.
    """

    main = "perplexity"
    higher_is_better = False

    def __init__(self) -> None:
        super().__init__(2)

    def statistics(self, prediction: Prediction) -> np.ndarray:
        return np.array([prediction.output["nats"], prediction.output["num_targets"]], dtype=np.float64)

    def values(self, sums: np.ndarray) -> dict[str, float]:
        loss = mean(*sums)
        return {"loss": loss, "perplexity": _exponential(loss)}


def _exponential(loss: float) -> float:
    try:
        return math.exp(loss)
    except OverflowError:  # Above 709 nats.
        return math.inf
