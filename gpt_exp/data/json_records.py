"""Records as JSON: an object a line, or a list of objects."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Unpack

from gpt_exp.data import json_rows, record_files
from gpt_exp.data.columns import NOTHING, Columns, Fields, Values
from gpt_exp.data.record_files import SplitFiles
from gpt_exp.data.record_source import Parts, RecordSource
from gpt_exp.interfaces import Record


class JsonRecords(RecordSource):
    """A record an object of `.jsonl` and `.json` files, also gzipped; its fields are columns (see `Columns`).

    Without `train` the data are there to evaluate on.
    """

    def __init__(
        self,
        *,
        fields: Fields = NOTHING,
        values: Values = NOTHING,
        **splits: Unpack[SplitFiles],
    ) -> None:
        self._files = record_files.of_splits(splits, suffixes=json_rows.ALL)
        self._columns = Columns(fields, values)

    def _read(self) -> Parts:
        """Raises ValueError with file and line for what is no object, a missing column."""
        return record_files.read(self._files, self._records)

    def _records(self, path: Path) -> Iterator[Record]:
        for where, row in json_rows.rows(path):
            yield self._columns.record(row, where)
