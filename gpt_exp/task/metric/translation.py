"""How close translations are to people's: BLEU, chrF and TER."""

from __future__ import annotations

import numpy as np

from gpt_exp.interfaces import Prediction
from gpt_exp.task.metric import corpus_score
from gpt_exp.task.metric.base import SumMetric


class TranslationMetric(SumMetric):
    """sacreBLEU's scores of the whole corpus, 0 to 100, with one or several references; main is BLEU.

    TER searches for shifts of blocks and takes most of the time: `ter=False` leaves it out.
    """

    main = "bleu"
    best = 100.0

    def __init__(self, *, ter: bool = True) -> None:
        scores = {"bleu": corpus_score.bleu(), "chrf": corpus_score.chrf()}
        if ter:
            scores["ter"] = corpus_score.ter()
        super().__init__(sum(score.num_statistics for score in scores.values()))
        self._scores = scores

    def statistics(self, prediction: Prediction) -> np.ndarray:
        return np.concatenate([score.statistics(prediction) for score in self._scores.values()])

    def values(self, sums: np.ndarray) -> dict[str, float]:
        ends = np.cumsum([score.num_statistics for score in self._scores.values()])[:-1]
        parts = np.split(sums, ends)
        return {
            name: score.value(part) for (name, score), part in zip(self._scores.items(), parts, strict=True)
        }

    def score(self, prediction: Prediction) -> float:
        """chrF of the segment: BLEU of one segment is 0 wherever no four words are right, or are there."""
        return self._scores["chrf"].score(prediction)
