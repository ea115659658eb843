"""The objects of JSON files: an object a line, or one list of objects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gpt_exp.data import files

LINES = (".jsonl", ".jsonl.gz")
ALL = (*LINES, ".json", ".json.gz")
Row = tuple[str, dict[str, Any]]  # Where it stands, and the object.


def rows(path: Path) -> Iterator[Row]:
    """Of lines, or of a `.json` file's list or mapping. ValueError with the place for what is no object."""
    if path.name.endswith(LINES):
        return lines(path)
    try:
        whole = json.loads(files.read_text(path))
    except (json.JSONDecodeError, RecursionError):  # Lines are often called .json, too.
        return lines(path)
    return _of_list(whole, path) if isinstance(whole, list) else _of_mapping(whole, path)


def lines(path: Path) -> Iterator[Row]:
    """An object a line, in bounded memory; blank lines are skipped."""
    with files.open_text(path) as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield f"{path}:{number}", _parsed(line, f"{path}:{number}")


def _of_list(whole: list[Any], path: Path) -> Iterator[Row]:
    for number, row in enumerate(whole):
        yield f"{path}[{number}]", _object(row, f"{path}[{number}]")


def _of_mapping(whole: Any, path: Path) -> Iterator[Row]:
    """By identifiers; a single object on one line is a row itself."""
    mapping = _object(whole, str(path))
    if not all(isinstance(row, dict) for row in mapping.values()):
        yield str(path), mapping
        return
    for name, row in mapping.items():
        yield f"{path}[{name}]", row


def _parsed(line: str, where: str) -> dict[str, Any]:
    try:
        return _object(json.loads(line), where)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{where}: no JSON: {error}") from None


def _object(row: Any, where: str) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise ValueError(f"{where}: a JSON object is needed, not {type(row).__name__}")
    return row
