"""Records in the order of their lengths: how every sampling of records evaluates."""

from __future__ import annotations

import numpy as np

from gpt_exp.interfaces import EncodedRecords, Example


class Sorted:
    """All records of a split once, by length: neighbours fit into a batch, and every n-th is a fair part."""

    def __init__(self, records: EncodedRecords) -> None:
        self._records, self._order = records, np.argsort(records.lengths, kind="stable")

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, index: int) -> Example:
        return self._records.example(int(self._order[index]), epoch=None)
