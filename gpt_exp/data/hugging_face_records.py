"""Records of Hugging Face `datasets`: from the hub or from local files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gpt_exp.data import hub
from gpt_exp.data.columns import NOTHING, Columns, Fields, Values
from gpt_exp.data.record_source import Parts, RecordSource
from gpt_exp.interfaces import Record

OUR_NAMES = {"validation": "val"}


class HuggingFaceRecords(RecordSource):
    """A record a row; its fields are columns (see `Columns`), its classes come by their names.

    `splits` names the dataset's split for each of ours, slices too: {train: "train[:90%]"}. Without it all
    splits are read, "validation" as "val".
    """

    def __init__(
        self,
        *,
        path: str,
        name: str | None = None,
        splits: Mapping[str, str] = NOTHING,
        fields: Fields = NOTHING,
        values: Values = NOTHING,
        data_files: hub.DataFiles | None = None,
    ) -> None:
        self._path, self._splits = path, splits
        self._options: dict[str, Any] = {"name": name, "data_files": data_files}
        self._columns = Columns(fields, values)

    def check(self) -> None:
        hub.check()

    def _read(self) -> Parts:
        """Raises ValueError where the dataset can't be loaded or lacks a column."""
        return {part: list(self._records(part, dataset)) for part, dataset in self._datasets().items()}

    def _datasets(self) -> dict[str, Any]:
        if self._splits:
            return {
                ours: hub.load(self._path, split=theirs, **self._options)
                for ours, theirs in self._splits.items()
            }
        found = hub.load(self._path, **self._options)
        return {OUR_NAMES.get(split, split): dataset for split, dataset in found.items()}

    def _records(self, part: str, dataset: Any) -> Iterator[Record]:
        classes = {
            name: feature.names for name, feature in dataset.features.items() if hasattr(feature, "names")
        }
        for number, row in enumerate(dataset):
            named = {name: _class_name(row[name], names) for name, names in classes.items()}
            yield self._columns.record({**row, **named}, f"{self._path}, {part}[{number}]")


def _class_name(index: int | None, names: list[str]) -> str | None:
    return names[index] if index is not None and index >= 0 else None  # -1: a hidden test set's.
