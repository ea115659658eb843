"""Corpus scores of translations: sacreBLEU's own BLEU, chrF and TER (Post 2018, arXiv:1804.08771)."""

from __future__ import annotations

import numpy as np
from sacrebleu.metrics import BLEU, CHRF, TER

from gpt_exp.interfaces import Prediction
from gpt_exp.task.metric.base import SumMetric


class TranslationMetric(SumMetric):
    """BLEU (13a, cased), chrF and TER, 0 to 100, from sacreBLEU's statistics of each segment."""

    main = "bleu"

    def __init__(self, *, ter: bool = True) -> None:
        parts = {"bleu": BLEU(), "chrf": CHRF()} | ({"ter": TER()} if ter else {})
        lengths = {
            name: len(part._extract_corpus_statistics(["a"], [["a"]])[0]) for name, part in parts.items()
        }
        super().__init__(sum(lengths.values()))
        self.parts, self.lengths = parts, lengths

    def statistics(self, prediction: Prediction) -> np.ndarray:
        references = (
            prediction.reference if isinstance(prediction.reference, list) else [prediction.reference]
        )
        streams = [[each] for each in references]
        found = [
            part._extract_corpus_statistics([prediction.output], streams)[0] for part in self.parts.values()
        ]
        return np.concatenate([np.asarray(each, dtype=np.float64) for each in found])

    def values(self, sums: np.ndarray) -> dict[str, float]:
        figures, start = {}, 0
        for name, part in self.parts.items():
            own = sums[start : start + self.lengths[name]]
            start += self.lengths[name]
            figures[name] = part._compute_score_from_stats(own.tolist()).score
        return figures
