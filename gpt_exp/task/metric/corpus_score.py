"""sacreBLEU's scorers, a segment at a time: the sums over segments give the score of the corpus."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gpt_exp.interfaces import Prediction
from gpt_exp.task.metric.texts import texts

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Metric as Scorer


class CorpusScore:
    """BLEU, chrF or TER exactly as sacreBLEU has it (Post 2018, arXiv:1804.08771): 0 to 100, TER also more.

    It is what sacreBLEU's own bootstrap does. Neither of the two methods that it takes is public: a test
    compares with the corpus scores.
    """

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self.num_statistics = len(self.statistics(Prediction("a", "a")))

    def statistics(self, prediction: Prediction) -> np.ndarray:
        """What one segment adds to the sums: matches and lengths, `(num_statistics,)`."""
        output, references = texts(prediction)
        found = self._scorer._extract_corpus_statistics([output], [[each] for each in references])
        return np.array(found[0], dtype=np.float64)

    def value(self, sums: np.ndarray) -> float:
        return float(self._scorer._compute_score_from_stats(sums.tolist()).score)

    def score(self, prediction: Prediction) -> float:
        """That of one segment alone."""
        return self.value(self.statistics(prediction))


def bleu() -> CorpusScore:
    """BLEU-4 with 13a tokens, cased, smoothed only where an order has no match at all (exp)."""
    from sacrebleu.metrics import BLEU

    return CorpusScore(BLEU())


def chrf() -> CorpusScore:
    """chrF2: characters' 6-grams (Popović 2015)."""
    from sacrebleu.metrics import CHRF

    return CorpusScore(CHRF())


def ter() -> CorpusScore:
    """Edits and shifts of blocks over the references' mean length (Snover et al. 2006); lower is better."""
    from sacrebleu.metrics import TER

    return CorpusScore(TER())
