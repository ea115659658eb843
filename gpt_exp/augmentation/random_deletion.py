"""Random deletion: each word may go (EDA: Wei and Zou 2019, arXiv:1901.11196)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gpt_exp.augmentation.fields import Fields, fraction
from gpt_exp.augmentation.words import delete, split
from gpt_exp.interfaces import Record


class RandomDeletion:
    """An `Augmentation`: each word goes with probability `alpha`; one drawn at random stays in any case."""

    def __init__(self, *, fields: Sequence[str], alpha: float = 0.1, share: float = 0.5) -> None:
        self._fields, self._alpha = Fields(fields, share), fraction("alpha", alpha)

    def __call__(self, record: Record, random: np.random.Generator) -> Record:
        return self._fields.change(record, random, self._delete)

    def _delete(self, text: str, random: np.random.Generator) -> str:
        parts = split(text)
        if not parts.words:
            return text
        goes = random.random(len(parts.words)) < self._alpha
        if goes.all():
            goes[random.integers(len(goes))] = False
        for index in np.flatnonzero(goes)[::-1]:
            parts = delete(parts, int(index))
        return parts.join()
