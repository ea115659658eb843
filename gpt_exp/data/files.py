"""Input files: finding, naming and hashing them."""

from __future__ import annotations

import codecs
import difflib
import glob
import gzip
import hashlib
import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from gpt_exp.data.pieces import PIECE_LENGTH

UTF8 = "utf-8-sig"  # Without the byte order mark that some programs write.
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


@contextmanager
def open_text(path: Path, encoding: str = UTF8, *, hint: str = "") -> Iterator[TextIO]:
    """A text file, also a gzipped one, with its line ends as they are.

    Reading it raises ValueError where it is damaged, or not in the encoding, with a hint what to do then.
    """
    try:
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt", encoding=encoding, newline="") as file:
            yield file
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not {encoding} text: {error.reason}{hint}") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is damaged: {error}") from None


def read_text(path: Path, encoding: str = UTF8, *, hint: str = "") -> str:
    """A whole text file; ValueError as of `open_text`."""
    with open_text(path, encoding, hint=hint) as file:
        return file.read()


def check_encoding(encoding: str) -> None:
    """ValueError for a name that Python does not know."""
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise ValueError(f"data.encoding={encoding}: no such encoding; utf-8 and latin-1 are usual") from None


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
