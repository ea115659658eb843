"""JSON lines: an object a line, a document an object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gpt_exp.data import files, json_rows
from gpt_exp.data.pieces import of_rows
from gpt_exp.interfaces import Piece


class JsonLines:
    """One field of each line's object in `.jsonl` and `.jsonl.gz` files; nulls are skipped."""

    def __init__(self, *, paths: str | Sequence[str], field: str = "text") -> None:
        self._files = files.find(paths, suffixes=json_rows.LINES)
        self._field = field

    def fingerprint(self) -> str:
        return files.fingerprint(self._files, self._field)

    def pieces(self) -> Iterator[Piece]:
        """Raises ValueError with file and line for what is no object with a text in the field."""
        return of_rows(
            self._text(row, where) for path in self._files.values() for where, row in json_rows.lines(path)
        )

    def _text(self, row: dict[str, Any], where: str) -> str | None:
        if self._field not in row:
            raise ValueError(f"{where}: no field {self._field!r}; data.field can be one of: {', '.join(row)}")
        text = row[self._field]
        if text is not None and not isinstance(text, str):
            raise ValueError(f"{where}: field {self._field!r} holds {type(text).__name__}, not text")
        return text
