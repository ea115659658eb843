"""Hugging Face `datasets`: from the hub or from local files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from gpt_exp.data import pieces
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
        data_files: str | Sequence[str] | Mapping[str, str] | None = None,
        streaming: bool = False,
    ) -> None:
        self._path = str(Path(path).expanduser()) if path.startswith("~") else path
        self._options = {
            "name": name,
            "split": split,
            "data_files": _plain(data_files),
            "streaming": streaming,
        }
        self._field = field

    def fingerprint(self) -> str:
        return pieces.fingerprint(self.pieces())

    def pieces(self) -> Iterator[Piece]:
        """Raises ValueError where the dataset can't be loaded or lacks the column."""
        return pieces.of_rows(row[self._field] for row in self._dataset)

    @cached_property
    def _dataset(self) -> Any:
        try:
            import datasets
        except ImportError:
            raise ValueError("data=hugging_face needs a package: pip install 'gpt-exp[datasets]'") from None
        try:
            dataset = datasets.load_dataset(self._path, **self._options)
        except Exception as error:  # Whatever the library, the network or a format's reader raises.
            raise ValueError(
                f"data.path={self._path}: {type(error).__name__}: {_first_line(error)}"
            ) from None
        columns = dataset.column_names or list(next(iter(dataset), {}))
        if self._field not in columns:
            raise ValueError(
                f"{self._path}: no field {self._field!r}; data.field can be one of: {', '.join(columns)}"
            )
        return dataset.select_columns([self._field])


def _plain(data_files: Any) -> Any:
    """Lists and dicts as the library wants them, whatever mapping or sequence the config gave."""
    if isinstance(data_files, Mapping):
        return dict(data_files)
    return data_files if data_files is None or isinstance(data_files, str) else list(data_files)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0]
