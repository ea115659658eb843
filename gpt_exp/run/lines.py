"""Files of one JSON object a line, each with a step: metrics, speed, samples."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from gpt_exp.run.loads import loads

Metrics = list[dict[str, Any]]
T = TypeVar("T")


def append(path: Path, record: Mapping[str, Any]) -> None:
    """Add one line; a process killed right after it loses nothing."""
    line = json.dumps(record, ensure_ascii=False) + "\n"
    with path.open("ab") as file:
        file.write(line.encode())


def record(line: bytes) -> dict[str, Any] | None:
    """A line's object with its step; None where a crash or a full disk left something else."""
    with contextlib.suppress(ValueError, RecursionError):
        found = loads(line)
        if isinstance(found, dict) and isinstance(found.get("step"), int):
            return found
    return None


def read(path: Path) -> list[dict[str, Any]]:
    """All whole lines; a torn one (killed while writing) is left out, a missing file is empty."""
    lines = path.read_bytes().splitlines() if path.exists() else []
    return [found for line in lines if (found := record(line)) is not None]


def read_metrics(path: Path) -> Metrics:
    """One dict a step, in order, with all the numbers that were logged at it."""
    by_step: dict[int, dict[str, Any]] = {}
    for found in read(path):
        numbers = {name: value for name, value in found.items() if isinstance(value, int | float)}
        by_step.setdefault(found["step"], {}).update(numbers)
    return [by_step[step] for step in sorted(by_step)]


def last(metrics: Sequence[Mapping[str, Any]], name: str) -> Any:
    """The last known value of a metric, or None."""
    return next((each[name] for each in reversed(metrics) if name in each), None)


def first(*values: T | None) -> T | None:
    """The first that is known."""
    return next((value for value in values if value is not None), None)


def last_samples(path: Path) -> dict[str, str]:
    """By prompt, what a run wrote at the last step at which it wrote."""
    samples = [each for each in read(path) if isinstance(each.get("prompt"), str) and "text" in each]
    return {each["prompt"]: str(each["text"]) for each in samples if each["step"] == samples[-1]["step"]}


def thin(items: Sequence[T], most: int) -> Sequence[T]:
    """Every n-th one, and always the last."""
    stride = -(-len(items) // most) or 1
    return items[::-1][::stride][::-1]


def cut_back(path: Path, num_bytes: int) -> None:
    """Drop what was written after the file had this size, which a resumed run writes again."""
    if path.exists() and path.stat().st_size > num_bytes:
        os.truncate(path, num_bytes)


def sync(path: Path) -> None:
    """Bring the file to the disk, so that a power loss leaves no checkpoint that is ahead of its metrics."""
    if path.exists():
        with path.open("rb") as file:
            os.fsync(file.fileno())
