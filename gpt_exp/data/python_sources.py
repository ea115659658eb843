"""The Python source files of the standard library that runs us."""

from __future__ import annotations

import ast
import os
import sysconfig
import tokenize
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

MIN_FILES = 100  # A full library has well over 600.
# Other people's packages, and files that differ between machines or only hold the topics again.
SKIPPED = ("site-packages", "dist-packages", "__pycache__", "topics.py")
BLOCKS = ("body", "handlers", "orelse", "finalbody", "cases")
TESTS = ("test", "tests", "idle_test")


def sources(*, tests: bool = False, without: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
    """Names below the library's folder and contents, in a fixed order; `without` names files and folders.

    Raises ValueError where this Python was installed without its sources.
    """
    folder = Path(sysconfig.get_path("stdlib"))
    found = sorted(_files(folder, SKIPPED if tests else (*SKIPPED, *TESTS)))
    if len(found) < MIN_FILES:
        raise ValueError(
            f"{folder} holds {len(found)} source files: this Python came without the sources of its standard "
            "library; choose other data, as data=text data.paths='[~/books/*.txt]'"
        )
    names = ((path, path.relative_to(folder)) for path in found)
    return ((name.as_posix(), _source(path)) for path, name in names if not set(without) & set(name.parts))


def trees(*, without: Sequence[str] = ()) -> Iterator[tuple[str, str, ast.Module]]:
    """Name, content and syntax tree of each file that parses."""
    for name, source in sources(without=without):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Old escape sequences are the library's own business.
            try:
                yield name, source, ast.parse(source)
            except SyntaxError:  # Some templates are broken on purpose.
                continue


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """All statements below a node in the file's order, without expressions, which are most of a tree."""
    for block in BLOCKS:
        for child in getattr(node, block, ()):
            yield child
            yield from statements(child)


def _files(folder: Path, skipped: Sequence[str]) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in skipped]
        for name in names:
            if name.endswith(".py") and not name.startswith("_sysconfigdata") and name not in skipped:
                yield Path(place) / name


def _source(path: Path) -> str:
    try:
        with tokenize.open(path) as file:  # In the encoding that the file declares.
            return file.read()
    except (SyntaxError, UnicodeDecodeError):  # Some tests are broken on purpose.
        return ""
