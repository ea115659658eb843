"""Files of one JSON object a line, each with a step: metrics, speed, samples."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def append(path: Path, record: Mapping[str, Any]) -> None:
    """Add one line; a process killed right after it loses nothing."""
    line = json.dumps(record, ensure_ascii=False) + "\n"
    with path.open("ab") as file:
        file.write(line.encode())


def read(path: Path) -> list[dict[str, Any]]:
    """All whole lines; a torn one (killed while writing) is left out, a missing file is empty."""
    lines = path.read_bytes().splitlines() if path.exists() else []
    records = []
    for line in lines:
        with contextlib.suppress(ValueError):
            records.append(json.loads(line))
    return records


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """One dict a step, in order, with all that was logged at it."""
    by_step: dict[int, dict[str, Any]] = {}
    for record in read(path):
        by_step.setdefault(record["step"], {}).update(record)
    return [by_step[step] for step in sorted(by_step)]


def cut_back(path: Path, num_bytes: int) -> None:
    """Drop what was written after the file had this size, which a resumed run writes again."""
    if path.exists() and path.stat().st_size > num_bytes:
        os.truncate(path, num_bytes)


def sync(path: Path) -> None:
    """Bring the file to the disk, so that a power loss leaves no checkpoint that is ahead of its metrics."""
    if path.exists():
        with path.open("rb") as file:
            os.fsync(file.fileno())
