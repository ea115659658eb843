"""The text of a task's records, to train a tokenizer or to pretrain a model on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from gpt_exp.corpus.record_split import divide
from gpt_exp.corpus.split import Split
from gpt_exp.data import pieces
from gpt_exp.interfaces import Piece, Record, Records

NO_TEXT = ("group", "role")  # Keys whose strings are labels of ours.


class RecordTexts:
    """All strings of each training record, line by line, as a document; `fields` narrows them.

    With a `split`, what it holds out of the training part (see `record_split`) is left out here too.
    """

    def __init__(
        self, *, records: Records, fields: Sequence[str] | None = None, split: Split | None = None
    ) -> None:
        self._records, self._fields, self._split = records, fields, split

    def fingerprint(self) -> str:
        return pieces.fingerprint(self.pieces())

    def pieces(self) -> Iterator[Piece]:
        """Raises ValueError where there is no training part, or no record has one of the fields."""
        texts = ["\n".join(_strings(self._narrowed(record))) for record in self._training]
        if not any(texts):
            raise ValueError(f"no training record holds text in {', '.join(self._fields or ['its fields'])}")
        return pieces.of_rows(texts)

    @cached_property
    def _training(self) -> Sequence[Record]:
        parts = self._records.read()
        if "train" not in parts:
            raise ValueError(f"the data have no part 'train'; there are: {', '.join(parts)}")
        return divide(parts, self._split)["train"] if self._split else parts["train"]

    def _narrowed(self, record: Record) -> Record:
        if self._fields is None:
            return record
        return {field: record[field] for field in self._fields if field in record}


def _strings(value: Any) -> Iterator[str]:
    """Of fields and messages in their order, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if key not in NO_TEXT:
                yield from _strings(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _strings(inner)
