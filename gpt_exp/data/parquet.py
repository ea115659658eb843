"""Parquet: a row is a document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gpt_exp.data import files
from gpt_exp.data.installed import check_installed
from gpt_exp.data.pieces import of_rows
from gpt_exp.interfaces import Piece

ROWS_AT_ONCE = 256


class Parquet:
    """One text column of `.parquet` files, a few rows of it in memory at a time; nulls are skipped."""

    def __init__(self, *, paths: str | Sequence[str], field: str = "text") -> None:
        self._files = files.find(paths, suffixes=(".parquet",))
        self._field = field

    def check(self) -> None:
        check_pyarrow()

    def fingerprint(self) -> str:
        return files.fingerprint(self._files, self._field)

    def pieces(self) -> Iterator[Piece]:
        """Raises ValueError for a file that lacks the column, naming those it has."""
        return of_rows(text for path in self._files.values() for text in self._texts(path))

    def _texts(self, path: Path) -> Iterator[str | None]:
        with open_parquet(path) as file:
            schema = file.schema_arrow
            if self._field not in schema.names:
                raise ValueError(
                    f"{path}: no field {self._field!r}; data.field can be one of: {', '.join(schema.names)}"
                )
            if str(schema.field(self._field).type) not in ("string", "large_string", "string_view"):
                raise ValueError(
                    f"{path}: field {self._field!r} holds {schema.field(self._field).type}, not text"
                )
            for batch in file.iter_batches(batch_size=ROWS_AT_ONCE, columns=[self._field]):
                yield from batch.column(0).to_pylist()


def check_pyarrow() -> None:
    """ValueError without the package."""
    check_installed("Parquet", "pyarrow", extra="parquet")


def open_parquet(path: Path) -> Any:
    """pyarrow's `ParquetFile`; ValueError without pyarrow, or for a file of another kind."""
    check_pyarrow()
    import pyarrow
    from pyarrow import parquet

    try:
        return parquet.ParquetFile(path)
    except pyarrow.ArrowInvalid as error:
        raise ValueError(f"{path} is no Parquet file: {error}") from None
