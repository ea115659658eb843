"""CPython's own standard library and reference documentation: text that is there wherever we run."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

from gpt_exp.data import pieces
from gpt_exp.data.python_sources import sources
from gpt_exp.interfaces import Piece


class StandardLibrary:
    """The `.py` files of the Python that runs (about 12 MB), without their tests, and `pydoc_data.topics`.

    `without` names files and folders to leave out, such as `encodings`, whose tables of characters are an
    eighth of all text and hardly like the rest.
    """

    def __init__(self, *, tests: bool = False, without: Sequence[str] = ()) -> None:
        self._tests, self._without = tests, without

    def fingerprint(self) -> str:
        return pieces.fingerprint(self.pieces())

    def pieces(self) -> Iterator[Piece]:
        """Raises ValueError where this Python was installed without its sources."""
        for name, source in sources(tests=self._tests, without=self._without):
            yield from pieces.cut(io.StringIO(source), name)
        yield from _topics()


def _topics() -> Iterator[Piece]:
    from pydoc_data.topics import topics

    for name, text in sorted(topics.items()):
        yield from pieces.cut(io.StringIO(text), f"pydoc_data/topics/{name}")
