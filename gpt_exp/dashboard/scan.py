"""Which folders under `outputs` are runs, and which are sweeps."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

DEPTH = 4  # outputs/sweeps/NAME/TIME/JOB
NOT_RUNS = ("cache",)  # Of tokens and tokenizers, beside the runs.


class Found(NamedTuple):
    """Paths by their id: the path from `outputs`, with slashes."""

    runs: dict[str, str]
    sweeps: dict[str, str]


class _Folder(NamedTuple):
    name: str  # Its id, should it be a run or a sweep.
    path: str
    real: str  # The same without links.
    is_link: bool = False


def scan(outputs: str) -> Found:
    """All runs and sweeps at most four folders deep; links are followed, and no folder counts twice.

    A link is looked into last: what it points at may be here under its own name.
    """
    found = Found({}, {})
    seen: set[str] = set()
    todo, links = deque([_Folder("", outputs, os.path.realpath(outputs))]), deque[_Folder]()
    while todo or links:
        folder = (todo or links).popleft()
        if folder.real in seen:
            continue
        seen.add(folder.real)
        if folder.name and _has(folder, "config.yaml"):
            found.runs[folder.name] = folder.path
            continue
        if folder.name and _has(folder, "sweep.json"):
            found.sweeps[folder.name] = folder.path
        for inside in _inside(folder) if folder.name.count("/") + 1 < DEPTH else ():
            (links if inside.is_link else todo).append(inside)
    return found


def _inside(folder: _Folder) -> Iterator[_Folder]:
    """The folders in it."""
    try:
        with os.scandir(folder.path) as entries:
            inside = [entry for entry in entries if _may_hold_runs(entry)]
    except OSError:  # Gone, or not for us to read.
        return
    for entry in inside:
        if folder.name or entry.name not in NOT_RUNS:
            name, is_link = f"{folder.name}/{entry.name}".lstrip("/"), entry.is_symlink()
            real = os.path.realpath(entry.path) if is_link else f"{folder.real}/{entry.name}"
            yield _Folder(name, entry.path, real, is_link)


def _may_hold_runs(entry: os.DirEntry[str]) -> bool:
    """Not what is hidden or half written; a name that is not UTF-8 or not one line has no address."""
    try:
        return (
            not entry.name.startswith(".")
            and "\n" not in entry.name
            and entry.is_dir()
            and bool(entry.name.encode())
        )
    except (OSError, UnicodeEncodeError):
        return False


def _has(folder: _Folder, file: str) -> bool:
    return os.path.isfile(f"{folder.path}/{file}")  # noqa: PTH113 A Path costs more than the look.
