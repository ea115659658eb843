"""JSON lines: an object a line, a document an object."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from gpt_exp.data import files
from gpt_exp.data.pieces import of_rows
from gpt_exp.interfaces import Piece


class JsonLines:
    """One field of each line's object in `.jsonl` and `.jsonl.gz` files; nulls are skipped."""

    def __init__(self, *, paths: str | Sequence[str], field: str = "text") -> None:
        self._files = files.find(paths, suffixes=(".jsonl", ".jsonl.gz"))
        self._field = field

    def fingerprint(self) -> str:
        return files.fingerprint(self._files, self._field)

    def pieces(self) -> Iterator[Piece]:
        """Raises ValueError with file and line for what is no object with a text in the field."""
        return of_rows(text for path in self._files.values() for text in self._texts(path))

    def _texts(self, path: Path) -> Iterator[str | None]:
        try:
            with files.open_text(path, "utf-8") as lines:
                for number, line in enumerate(lines, start=1):
                    if line.strip():
                        yield self._text(line, f"{path}:{number}")
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} is not utf-8 text ({error.reason})") from None

    def _text(self, line: str, where: str) -> str | None:
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(f"{where}: no JSON: {error}") from None
        if not isinstance(row, dict):
            raise ValueError(f"{where}: a JSON object is needed, not {type(row).__name__}")
        if self._field not in row:
            raise ValueError(f"{where}: no field {self._field!r}; data.field can be one of: {', '.join(row)}")
        text = row[self._field]
        if text is not None and not isinstance(text, str):
            raise ValueError(f"{where}: field {self._field!r} holds {type(text).__name__}, not text")
        return text
