"""Back-translation: a text gives way to its translation's translation (Yu et al. 2018, arXiv:1804.09541)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gpt_exp.augmentation import paraphrases
from gpt_exp.augmentation.fields import Fields
from gpt_exp.interfaces import Record

ENOUGH_TEXTS = 1000  # A file that covers one text in a hundred gives none of so many once in 20,000 runs.


class BackTranslation:
    """An `Augmentation`: a text becomes one of its paraphrases in the file; a text without one stays.

    Two models trained the other way round make the file beforehand (`gpt_exp.augmentation.paraphrases`).
    ValueError for a file without paraphrases, and where the first `ENOUGH_TEXTS` texts are not in it.
    """

    def __init__(self, *, fields: Sequence[str], path: str, share: float = 0.5) -> None:
        self._fields, self._path = Fields(fields, share), Path(path).expanduser()
        if not self._path.is_file():
            raise ValueError(f"augmentation: path={path} is no file of paraphrases")
        known = paraphrases.read(self._path)
        self._paraphrases = {text: others for text, others in known.items() if others}
        if not self._paraphrases:
            raise ValueError(f"augmentation: {path} holds no paraphrases")
        self._num_strangers: int | None = 0  # Texts without a paraphrase so far; None: there was one with.

    def __call__(self, record: Record, random: np.random.Generator) -> Record:
        return self._fields.change(record, random, self._paraphrase)

    def _paraphrase(self, text: str, random: np.random.Generator) -> str:
        others = self._paraphrases.get(text, [])
        self._notice(found=bool(others))
        return others[random.integers(len(others))] if others else text

    def _notice(self, *, found: bool) -> None:
        """A file made from other texts, or from other fields, would change nothing without a word."""
        if found:
            self._num_strangers = None
        elif self._num_strangers is not None:
            self._num_strangers += 1
            if self._num_strangers >= ENOUGH_TEXTS:
                raise ValueError(
                    f"augmentation: {self._path} has none of the {ENOUGH_TEXTS} texts asked for: "
                    "was it made from these records, and from these fields?"
                )
