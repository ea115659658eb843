"""How good generated code is: what of it runs as it should, and how close it is to people's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gpt_exp.interfaces import Prediction
from gpt_exp.task.metric import corpus_score
from gpt_exp.task.metric.base import SumMetric, mean
from gpt_exp.task.metric.exact_match import matches
from gpt_exp.task.metric.pass_at_k import PassAtK

PASSED = "passed"


class CodeMetric(SumMetric):
    """pass@k over the problems with tests, 0 to 1; exact match, BLEU and chrF of first attempts, 0 to 100.

    An output is {"attempts": texts, "outcomes": of their tests, or None}. `tested` is the number of problems
    with tests: where it is 0, pass@k is nan.
    """

    main: str

    def __init__(self, *, ks: Sequence[int] = (1,)) -> None:
        passes, bleu, chrf = PassAtK(ks=ks), corpus_score.bleu(), corpus_score.chrf()
        self._lengths = (len(ks) + 1, 2, bleu.num_statistics, chrf.num_statistics)
        super().__init__(sum(self._lengths))
        self._passes, self._bleu, self._chrf = passes, bleu, chrf
        self.main = passes.main

    def statistics(self, prediction: Prediction) -> np.ndarray:
        first = prediction._replace(output=prediction.output["attempts"][0])
        return np.concatenate(
            [
                self._tested(prediction),
                [matches(first), 1],
                self._bleu.statistics(first),
                self._chrf.statistics(first),
            ]
        )

    def _tested(self, prediction: Prediction) -> np.ndarray:
        outcomes = prediction.output["outcomes"]
        if outcomes is None:
            return np.zeros(self._lengths[0])
        return self._passes.statistics(prediction._replace(output=[each == PASSED for each in outcomes]))

    def values(self, sums: np.ndarray) -> dict[str, float]:
        passes, exact, bleu, chrf = np.split(sums, np.cumsum(self._lengths)[:-1])
        return {
            **self._passes.values(passes),
            "tested": float(passes[-1]),
            "exact_match": 100 * mean(*exact),
            "bleu": self._bleu.value(bleu),
            "chrf": self._chrf.value(chrf),
        }

    def score(self, prediction: Prediction) -> float:
        """chrF of the first attempt, and 100 more by the share of attempts that passed: those come first."""
        outcomes = prediction.output["outcomes"] or [""]
        first = prediction._replace(output=prediction.output["attempts"][0])
        return self._chrf.score(first) + 100 * mean(outcomes.count(PASSED), len(outcomes))
