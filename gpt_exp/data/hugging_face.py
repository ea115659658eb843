"""Hugging Face `datasets`: from the hub or from local files."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from gpt_exp.data import hub, pieces
from gpt_exp.interfaces import Piece


class HuggingFaceDataset:
    """One text column of a dataset: a hub name, a folder, or a format (json, csv, ...) with data_files.

    The fingerprint reads the whole dataset: the library's own depends on where its cache lies.
    """

    def __init__(
        self,
        *,
        path: str,
        name: str | None = None,
        split: str = "train",
        field: str = "text",
        data_files: hub.DataFiles | None = None,
        streaming: bool = False,
    ) -> None:
        self._path, self._field = path, field
        self._options: dict[str, Any] = {
            "name": name,
            "split": split,
            "data_files": data_files,
            "streaming": streaming,
        }

    def check(self) -> None:
        hub.check()

    def fingerprint(self) -> str:
        return pieces.fingerprint(self.pieces())

    def pieces(self) -> Iterator[Piece]:
        """Raises ValueError where the dataset can't be loaded or lacks the column."""
        return pieces.of_rows(row[self._field] for row in self._dataset)

    @cached_property
    def _dataset(self) -> Any:
        dataset = hub.load(self._path, **self._options)
        columns = dataset.column_names or list(next(iter(dataset), {}))
        if self._field not in columns:
            raise ValueError(
                f"{self._path}: no field {self._field!r}; data.field can be one of: {', '.join(columns)}"
            )
        return dataset.select_columns([self._field])
