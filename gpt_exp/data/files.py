"""Input files: finding, naming and hashing them."""

from __future__ import annotations

import difflib
import glob
import gzip
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from gpt_exp.data.pieces import PIECE_LENGTH

Files = dict[str, Path]  # By name: the path relative to the files' common folder, which may move.


def find(paths: str | Iterable[str], *, suffixes: tuple[str, ...] = ("",), key: str = "data.paths") -> Files:
    """Files, folders (with all below that is not hidden and has one of the suffixes), globs and `~`, sorted.

    Raises ValueError for a path that leads to no file, naming the `key` that gave it and the nearest one.
    """
    patterns = [paths] if isinstance(paths, str) else list(paths)
    found = {file for pattern in patterns for file in _expand(pattern, suffixes, key)}
    if not found:
        raise ValueError(f"{key} is empty: name files, folders or globs")
    common = Path(os.path.commonpath([file.parent for file in found]))
    return dict(sorted((file.relative_to(common).as_posix(), file) for file in found))


def fingerprint(files: Files, *options: str) -> str:
    """sha256 over names, contents and the options that decide what is read from them."""
    digest = hashlib.sha256(repr((PIECE_LENGTH, options)).encode())
    for name, path in files.items():
        with path.open("rb") as file:
            digest.update(repr((name, hashlib.file_digest(file, "sha256").hexdigest())).encode())
    return digest.hexdigest()


def open_text(path: Path, encoding: str) -> TextIO:
    """A text file, also a gzipped one, with its line ends as they are."""
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding=encoding, newline="")
    return path.open(encoding=encoding, newline="")


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """A whole text file; ValueError where it is not in the encoding."""
    try:
        with open_text(path, encoding) as file:
            return file.read()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not {encoding} text ({error.reason})") from None


def _expand(pattern: str, suffixes: tuple[str, ...], key: str) -> list[Path]:
    expanded = os.path.normpath(Path(pattern).expanduser().absolute())  # Symbolic links keep their names.
    matches = [expanded] if Path(expanded).exists() else glob.glob(expanded, recursive=True)  # noqa: PTH207
    found = [file for match in matches for file in _walk(Path(match), suffixes)]
    if not found and Path(expanded).is_dir():
        raise ValueError(f"{key}: {pattern} holds no {' or '.join(suffixes)} files")
    if not found:
        raise ValueError(f"{key}: {pattern} does not exist{_nearest(Path(expanded))}")
    return found


def _walk(path: Path, suffixes: tuple[str, ...]) -> list[Path]:
    if not path.is_dir():
        return [path]
    below = [file for file in path.rglob("*") if file.name.endswith(suffixes) and file.is_file()]
    return [file for file in below if not any(part.startswith(".") for part in file.relative_to(path).parts)]


def _nearest(path: Path) -> str:
    """The existing name that looks most like the first missing part of the path."""
    while not path.parent.exists():
        path = path.parent
    names = [child.name for child in path.parent.iterdir()] if path.parent.is_dir() else []
    close = difflib.get_close_matches(path.name, names, n=1, cutoff=0.5)
    return f"; did you mean {path.parent / close[0]}?" if close else f"; {path.parent} holds no such name"
