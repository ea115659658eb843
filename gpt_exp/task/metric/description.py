"""How close descriptions of images are to people's: BLEU, and the share that is word for word the same."""

from __future__ import annotations

import numpy as np

from gpt_exp.interfaces import Prediction
from gpt_exp.task.metric import corpus_score
from gpt_exp.task.metric.base import SumMetric, mean
from gpt_exp.task.metric.exact_match import matches


class DescriptionMetric(SumMetric):
    """sacreBLEU's BLEU of the whole corpus and exact match, both 0 to 100; main is BLEU.

    BLEU counts up to four words: over descriptions that are all shorter it is 0, and exact match tells more.
    """

    main = "bleu"
    best = 100.0

    def __init__(self) -> None:
        bleu, chrf = corpus_score.bleu(), corpus_score.chrf()
        super().__init__(bleu.num_statistics + 2)
        self._bleu, self._chrf = bleu, chrf

    def statistics(self, prediction: Prediction) -> np.ndarray:
        """BLEU's, then whether it matches, then 1."""
        return np.append(self._bleu.statistics(prediction), [matches(prediction), 1])

    def values(self, sums: np.ndarray) -> dict[str, float]:
        return {"bleu": self._bleu.value(sums[:-2]), "exact_match": 100 * mean(*sums[-2:])}

    def score(self, prediction: Prediction) -> float:
        """chrF of the segment: BLEU of one segment is 0 wherever no four words are right, or are there."""
        return self._chrf.score(prediction)
