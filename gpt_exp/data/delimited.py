"""Tables as text: comma- or tab-separated."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Unpack

from gpt_exp.data import files, record_files
from gpt_exp.data.columns import NOTHING, Columns, Fields, Values
from gpt_exp.data.record_files import SplitFiles
from gpt_exp.data.record_source import Parts, RecordSource
from gpt_exp.interfaces import Record

LONGEST_CELL = 2**31 - 1  # Python's own limit of 128 KiB is short of a long document.
ESCAPES = {r"\n": "\n", r"\t": "\t", r"\r": "\r", r"\\": "\\"}


class Delimited(RecordSource):
    """A record a row; its fields are columns (see `Columns`).

    `columns` names those of files without a header. With `quotes` a cell in quotation marks may hold
    delimiters and line breaks, as CSV has it; with `escapes` it may hold them as backslash sequences.
    """

    def __init__(
        self,
        *,
        fields: Fields = NOTHING,
        values: Values = NOTHING,
        columns: Sequence[str] | None = None,
        delimiter: str = ",",
        quotes: bool = True,
        escapes: bool = False,
        encoding: str = files.UTF8,
        **splits: Unpack[SplitFiles],
    ) -> None:
        if len(delimiter) != 1:
            raise ValueError(f"data.delimiter={delimiter!r} must be one character")
        files.check_encoding(encoding)
        self._files = record_files.of_splits(splits)
        self._columns = Columns(fields, values)
        self._names = columns
        self._delimiter, self._encoding = delimiter, encoding
        self._quotes, self._escapes = quotes, escapes

    def _read(self) -> Parts:
        """Raises ValueError with file and line for a row of another length, a missing column."""
        return record_files.read(self._files, self._records)

    def _records(self, path: Path) -> Iterator[Record]:
        names = self._names
        for where, cells in self._rows(path):
            if names is None:
                names = _header(cells, where)
            elif len(cells) != len(names):
                raise ValueError(f"{where}: {len(cells)} cells instead of {len(names)}: {', '.join(names)}")
            else:
                yield self._columns.record(dict(zip(names, cells, strict=True)), where)

    def _rows(self, path: Path) -> Iterator[tuple[str, list[str]]]:
        text = files.read_text(path, self._encoding, hint="; set data.encoding")
        cut = _quoted if self._quotes else _plain
        for number, cells in cut(text, self._delimiter, path):
            if any(cells):
                yield f"{path}:{number}", list(map(_unescaped, cells)) if self._escapes else cells


def _quoted(text: str, delimiter: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Strictly: a mark that is never closed would take the rest of the file into one cell."""
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    first = 1  # Line of the row.
    try:
        for cells in reader:
            yield first, cells
            first = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(
            f"{path}:{first}: {error}; data.quotes=false where quotation marks are part of the text"
        ) from None


def _plain(text: str, delimiter: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Rows end at line feeds; the csv module would also end them at a carriage return inside of a text."""
    for number, line in enumerate(text.split("\n"), start=1):
        yield number, line.removesuffix("\r").split(delimiter)


def _header(cells: list[str], where: str) -> list[str]:
    twice = {name for name in cells if cells.count(name) > 1}
    if twice:
        raise ValueError(f"{where}: the header names {', '.join(sorted(twice))} twice; set data.columns")
    return cells


def _unescaped(cell: str) -> str:
    return re.sub(r"\\[ntr\\]", lambda found: ESCAPES[found.group()], cell)
