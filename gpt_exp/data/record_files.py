"""Where the files of each split lie."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypedDict

from gpt_exp.data import files
from gpt_exp.data.record_source import Parts
from gpt_exp.interfaces import Record

Paths = str | Sequence[str]  # Files, folders, globs.


class SplitFiles(TypedDict, total=False):
    """The files of each split, below `root` if there is one (see `inside`)."""

    train: Paths | None
    val: Paths | None
    test: Paths | None
    root: str | None
    folder: str | None


def of_splits(given: SplitFiles, *, suffixes: tuple[str, ...] = ("",)) -> dict[str, list[Path]]:
    """The files of each split that names any; ValueError for a path that leads to no file."""
    parts = {"train": given.get("train"), "val": given.get("val"), "test": given.get("test")}
    return find(parts, root=given.get("root"), folder=given.get("folder"), suffixes=suffixes)


def find(
    parts: Mapping[str, Paths | None],
    *,
    root: str | None = None,
    folder: str | None = None,
    suffixes: tuple[str, ...] = ("",),
) -> dict[str, list[Path]]:
    """The files of each split that names any, below `root` if there is one (see `inside`).

    Raises ValueError for a path that leads to no file.
    """
    base = inside(root, folder)
    return {
        part: _find(part, paths, base, folder, suffixes) for part, paths in parts.items() if paths is not None
    }


def read(files: Mapping[str, list[Path]], records: Callable[[Path], Iterable[Record]]) -> Parts:
    """The records of every file, by split."""
    return {part: [each for path in paths for each in records(path)] for part, paths in files.items()}


def inside(root: str | None, folder: str | None) -> Path:
    """`root/folder` where that exists, else `root` itself: one root serves many data sets."""
    base = Path(root or "").expanduser()
    return base / folder if folder and (base / folder).is_dir() else base


def _find(part: str, paths: Paths, base: Path, folder: str | None, suffixes: tuple[str, ...]) -> list[Path]:
    named = [paths] if isinstance(paths, str) else paths
    below = [str(base / Path(path).expanduser()) for path in named]
    try:
        return list(files.find(below, suffixes=suffixes, key=f"data.{part}").values())
    except ValueError as error:
        hint = f" (data.root is the folder {folder}, or the one that holds it)" if folder else ""
        raise ValueError(f"{error}{hint}") from None
