"""Which fields of which records an augmentation changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from gpt_exp.interfaces import Record

Edit = Callable[[str, np.random.Generator], str]


class Fields:
    """A share of the records, drawn anew each time, and the fields of them that are texts to be changed.

    A record may lack some of the fields; ValueError where it lacks all of them, or where one is no text.
    """

    def __init__(self, names: Sequence[str], share: float) -> None:
        if isinstance(names, str) or not names:
            raise ValueError(f"augmentation: fields={names!r} must be a list of at least one field's name")
        self._names, self._share = names, fraction("share", share)

    def change(self, record: Record, random: np.random.Generator, edit: Edit) -> Record:
        """A copy of the record, with `edit` applied to the fields if the lot falls on it."""
        texts = self._texts(record)
        if random.random() >= self._share:
            return dict(record)
        return {**record, **{name: edit(text, random) for name, text in texts.items()}}

    def _texts(self, record: Record) -> dict[str, str]:
        texts = {name: record[name] for name in self._names if name in record}
        if not texts:
            raise ValueError(
                f"augmentation: fields={list(self._names)} are not in a record; it has: {', '.join(record)}"
            )
        for name, text in texts.items():
            if not isinstance(text, str):
                raise ValueError(f"augmentation: field {name!r} holds {type(text).__name__}, not text")
        return texts


def fraction(name: str, value: float) -> float:
    """The value itself; ValueError unless it lies from 0 to 1."""
    if not 0 <= value <= 1:
        raise ValueError(f"augmentation: {name}={value} must be from 0 to 1")
    return value


def num_changes(alpha: float, num_words: int) -> int:
    """How many of so many words are changed: EDA's max(1, alpha * length), and none for alpha 0."""
    return max(1, int(alpha * num_words)) if alpha and num_words else 0
