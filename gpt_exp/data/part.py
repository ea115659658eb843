"""A part of other data."""

from __future__ import annotations

import hashlib

from gpt_exp.data.record_source import Parts, RecordSource
from gpt_exp.interfaces import Records


class Part(RecordSource):
    """Of the training records of other data those whose place, drawn between 0 and 1, is in [low, high).

    A place is a function of the seed and the record's number: parts of one seed that do not overlap share no
    record. Other splits are whole. `root` is there for `${data.root}` in `records`.
    """

    def __init__(
        self,
        *,
        records: Records,
        low: float = 0.0,
        high: float = 1.0,
        seed: int = 1337,
        root: str | None = None,
    ) -> None:
        if not 0 <= low < high <= 1:
            raise ValueError(f"data.low={low} and data.high={high} must be 0 <= low < high <= 1")
        self._records, self._low, self._high, self._seed = records, low, high, seed

    def _read(self) -> Parts:
        parts = {split: list(records) for split, records in self._records.read().items()}
        places = ((self._place(number), record) for number, record in enumerate(parts["train"]))
        parts["train"] = [record for place, record in places if self._low <= place < self._high]
        return parts

    def _place(self, number: int) -> float:
        drawn = hashlib.sha256(f"{self._seed} {number}".encode()).digest()[:6]
        return int.from_bytes(drawn) / 2**48
