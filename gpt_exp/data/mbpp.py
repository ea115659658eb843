"""Mostly Basic Python Problems: a text, its solution, its tests."""

from __future__ import annotations

from typing import Any

from gpt_exp.data import json_rows, record_files
from gpt_exp.data.record_source import Parts, RecordSource
from gpt_exp.interfaces import Record

# By task_id, as Austin et al. 2021 (arXiv:2108.07732) divide them.
PARTS = {
    "prompt": range(1, 11),
    "test": range(11, 511),
    "val": range(511, 601),
    "train": range(601, 975),
}


class Mbpp(RecordSource):
    """Records {text, code, test_list, test_setup_code, task_id} in the paper's four parts.

    Line ends are line feeds: the file has carriage returns, which no other code has.
    """

    def __init__(self, *, root: str, folder: str | None = None, file: str = "mbpp.jsonl") -> None:
        self._path = record_files.find({"file": file}, root=root, folder=folder)["file"][0]

    def _read(self) -> Parts:
        """Raises ValueError for a row without its fields, or with a task_id of no part."""
        parts: Parts = {part: [] for part in PARTS}
        for where, row in json_rows.lines(self._path):
            record = _record(row, where)
            part = next((part for part, numbers in PARTS.items() if record["task_id"] in numbers), None)
            if part is None:
                raise ValueError(f"{where}: task_id={record['task_id']} is outside 1 to 974")
            parts[part].append(record)
        return parts


def _record(row: dict[str, Any], where: str) -> Record:
    names = ("text", "code", "test_list", "test_setup_code", "task_id")
    missing = [name for name in names if name not in row]
    if missing:
        raise ValueError(f"{where}: no {', '.join(missing)}: is this MBPP? there are: {', '.join(row)}")
    return {name: _line_feeds(row[name]) for name in names}


def _line_feeds(value: Any) -> Any:
    if isinstance(value, list):
        return [_line_feeds(each) for each in value]
    return value.replace("\r\n", "\n") if isinstance(value, str) else value
