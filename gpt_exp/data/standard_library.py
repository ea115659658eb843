"""CPython's own standard library and reference documentation: text that is there wherever we run."""

from __future__ import annotations

import io
import os
import sysconfig
import tokenize
from collections.abc import Iterator, Sequence
from pathlib import Path

from gpt_exp.data import pieces
from gpt_exp.interfaces import Piece

MIN_FILES = 100  # A full library has well over 600.
# Other people's packages, and files that differ between machines or only hold the topics again.
SKIPPED = ("site-packages", "dist-packages", "__pycache__", "topics.py")
TESTS = ("test", "tests", "idle_test")


class StandardLibrary:
    """The `.py` files of the Python that runs (about 12 MB), without their tests, and `pydoc_data.topics`.

    `without` names files and folders to leave out, such as `encodings`, whose tables of characters are an
    eighth of all text and hardly like the rest.
    """

    def __init__(self, *, tests: bool = False, without: Sequence[str] = ()) -> None:
        self._folder = Path(sysconfig.get_path("stdlib"))
        self._skipped = (*SKIPPED, *(() if tests else TESTS), *without)

    def fingerprint(self) -> str:
        return pieces.fingerprint(self.pieces())

    def pieces(self) -> Iterator[Piece]:
        """Raises ValueError where this Python was installed without its sources."""
        files = sorted(self._files())
        if len(files) < MIN_FILES:
            raise ValueError(
                f"{self._folder} holds {len(files)} source files: this Python came without the sources of "
                "its standard library; choose other text, as data=text data.paths='[~/books/*.txt]'"
            )
        for path in files:
            yield from pieces.cut(io.StringIO(_source(path)), path.relative_to(self._folder).as_posix())
        yield from _topics()

    def _files(self) -> Iterator[Path]:
        for folder, folders, names in os.walk(self._folder):
            folders[:] = [name for name in folders if name not in self._skipped]
            for name in names:
                if (
                    name.endswith(".py")
                    and not name.startswith("_sysconfigdata")
                    and name not in self._skipped
                ):
                    yield Path(folder) / name


def _source(path: Path) -> str:
    try:
        with tokenize.open(path) as file:  # In the encoding that the file declares.
            return file.read()
    except (SyntaxError, UnicodeDecodeError):  # Some tests are broken on purpose.
        return ""


def _topics() -> Iterator[Piece]:
    from pydoc_data.topics import topics

    for name, text in sorted(topics.items()):
        yield from pieces.cut(io.StringIO(text), f"pydoc_data/topics/{name}")
