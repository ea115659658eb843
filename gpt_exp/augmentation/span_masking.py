"""Span masking: runs of words are blanked out (SpanBERT: Joshi et al. 2020, arXiv:1907.10529)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gpt_exp.augmentation.fields import Fields, fraction, num_changes
from gpt_exp.augmentation.words import split
from gpt_exp.interfaces import Record


class SpanMasking:
    """An `Augmentation`: spans of words are drawn until `alpha` of them, at least one, are masked.

    A span's length is geometric with `end_probability`, cut off at `max_length` (the paper's 0.2 and 10: 3.8
    words on average); every word of it becomes `mask`.
    """

    def __init__(
        self,
        *,
        fields: Sequence[str],
        mask: str = "_",
        alpha: float = 0.15,
        end_probability: float = 0.2,
        max_length: int = 10,
        share: float = 0.5,
    ) -> None:
        if max_length < 1:
            raise ValueError(f"augmentation: max_length={max_length} must be at least 1")
        if not 0 < end_probability <= 1:
            raise ValueError(f"augmentation: end_probability={end_probability} must be above 0, at most 1")
        self._fields, self._alpha, self._mask = Fields(fields, share), fraction("alpha", alpha), mask
        weights = (1 - end_probability) ** np.arange(max_length)
        self._lengths = weights / weights.sum()  # Renormalised, as in the paper's own code.

    def __call__(self, record: Record, random: np.random.Generator) -> Record:
        return self._fields.change(record, random, self._blank)

    def _blank(self, text: str, random: np.random.Generator) -> str:
        parts = split(text)
        for index in self._masked(len(parts.words), random):
            parts.words[index] = self._mask
        return parts.join()

    def _masked(self, num_words: int, random: np.random.Generator) -> set[int]:
        budget = num_changes(self._alpha, num_words)
        masked: set[int] = set()
        while len(masked) < budget:
            start = int(random.integers(num_words))
            length = 1 + int(random.choice(len(self._lengths), p=self._lengths))
            fresh = [i for i in range(start, min(start + length, num_words)) if i not in masked]
            masked.update(fresh[: budget - len(masked)])
        return masked
