"""What a split of records looks like to whoever samples it."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from gpt_exp.interfaces import Example


class EncodedRecords(Protocol):
    """Examples of a split's records, in the records' order."""

    lengths: np.ndarray  # (records,): how many tokens the model reads of each, before augmentation.

    def __len__(self) -> int: ...
    def example(self, index: int, *, epoch: int) -> Example:
        """Record number `index`, as it is augmented in this epoch."""


class Sorted:
    """All records of a split once, by length: neighbours fit into one batch, and every n-th is a fair part."""

    def __init__(self, records: EncodedRecords) -> None:
        self._records, self._order = records, np.argsort(records.lengths, kind="stable")

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, index: int) -> Example:
        return self._records.example(int(self._order[index]), epoch=0)
