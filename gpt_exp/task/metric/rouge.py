"""How much of a summary people's summaries share: ROUGE."""

from __future__ import annotations

import numpy as np

from gpt_exp.interfaces import Prediction
from gpt_exp.task.metric.base import SumMetric, mean
from gpt_exp.task.metric.texts import texts

NAMES = ("rouge1", "rouge2", "rougeL")  # rougeLsum would want nltk's data from the network.


class Rouge(SumMetric):
    """F-measures of words, pairs of words and the longest common subsequence (Lin 2004); main is the last.

    Means over texts, 0 to 100, as `rouge-score` has them; of several references each figure takes the best.
    Its tokens are made of a-z and 0-9: other alphabets score 0. `stemmer` drops the endings of English words.
    """

    main = "rougeL"
    best = 100.0

    def __init__(self, *, stemmer: bool = False) -> None:
        from rouge_score.rouge_scorer import RougeScorer  # Imports nltk, which takes seconds.

        super().__init__(len(NAMES) + 1)
        self._scorer = RougeScorer(NAMES, use_stemmer=stemmer)

    def statistics(self, prediction: Prediction) -> np.ndarray:
        output, references = texts(prediction)
        scores = self._scorer.score_multi(references, output)
        return np.array([*(scores[name].fmeasure for name in NAMES), 1])

    def values(self, sums: np.ndarray) -> dict[str, float]:
        return {name: 100 * mean(total, sums[-1]) for name, total in zip(NAMES, sums[:-1], strict=True)}
