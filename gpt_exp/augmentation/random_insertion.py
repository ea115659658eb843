"""Random insertion of synonyms (EDA: Wei and Zou 2019, arXiv:1901.11196), with WordNet (English)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gpt_exp.augmentation.fields import Fields, fraction, num_changes
from gpt_exp.augmentation.thesaurus import Thesaurus
from gpt_exp.augmentation.words import insert, split
from gpt_exp.interfaces import Record


class RandomInsertion:
    """An `Augmentation`: `alpha` * length times, at least once, a synonym of some word is put anywhere.

    Synonyms are those of `gpt_exp.augmentation.synonyms.Synonyms`; a text that offers none stays as it is.
    """

    def __init__(
        self,
        *,
        fields: Sequence[str],
        alpha: float = 0.1,
        share: float = 0.5,
        num_senses: int = 1,
        path: str | None = None,
    ) -> None:
        self._fields, self._alpha = Fields(fields, share), fraction("alpha", alpha)
        self._thesaurus = Thesaurus(path, num_senses)

    def __call__(self, record: Record, random: np.random.Generator) -> Record:
        return self._fields.change(record, random, self._insert)

    def _insert(self, text: str, random: np.random.Generator) -> str:
        parts = split(text)
        offered = list(self._thesaurus.replacements(parts).values())
        for _ in range(num_changes(self._alpha, len(parts.words)) if offered else 0):
            synonyms = offered[random.integers(len(offered))]
            synonym = synonyms[random.integers(len(synonyms))].lower()
            parts = insert(parts, int(random.integers(len(parts.words) + 1)), synonym)
        return parts.join()
