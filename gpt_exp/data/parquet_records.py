"""Records of Parquet files: a row is a record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Unpack

from gpt_exp.data import record_files
from gpt_exp.data.columns import NOTHING, Columns, Fields, Values
from gpt_exp.data.parquet import check_pyarrow, open_parquet
from gpt_exp.data.record_files import SplitFiles
from gpt_exp.data.record_source import Parts, RecordSource
from gpt_exp.interfaces import Record


class ParquetRecords(RecordSource):
    """A record a row of `.parquet` files; its fields are columns (see `Columns`)."""

    def __init__(
        self,
        *,
        fields: Fields = NOTHING,
        values: Values = NOTHING,
        **splits: Unpack[SplitFiles],
    ) -> None:
        self._files = record_files.of_splits(splits, suffixes=(".parquet",))
        self._columns = Columns(fields, values)

    def check(self) -> None:
        check_pyarrow()

    def _read(self) -> Parts:
        """Raises ValueError for a file that is no Parquet, a missing column."""
        return record_files.read(self._files, self._records)

    def _records(self, path: Path) -> Iterator[Record]:
        with open_parquet(path) as file:
            for number, row in enumerate(file.read().to_pylist()):
                yield self._columns.record(row, f"{path}[{number}]")
