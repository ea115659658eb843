"""Random swap: pairs of words change places (EDA: Wei and Zou 2019, arXiv:1901.11196)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gpt_exp.augmentation.fields import Fields, fraction, num_changes
from gpt_exp.augmentation.words import split
from gpt_exp.interfaces import Record


class RandomSwap:
    """An `Augmentation`: `alpha` * length times, at least once, two words drawn at random are exchanged."""

    def __init__(self, *, fields: Sequence[str], alpha: float = 0.1, share: float = 0.5) -> None:
        self._fields, self._alpha = Fields(fields, share), fraction("alpha", alpha)

    def __call__(self, record: Record, random: np.random.Generator) -> Record:
        return self._fields.change(record, random, self._swap)

    def _swap(self, text: str, random: np.random.Generator) -> str:
        parts = split(text)
        words = parts.words
        if len(words) < 2:
            return text
        for _ in range(num_changes(self._alpha, len(words))):
            first, second = random.choice(len(words), size=2, replace=False)
            words[first], words[second] = words[second], words[first]
        return parts.join()
