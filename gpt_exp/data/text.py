"""Text files: each is a document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gpt_exp.data import files
from gpt_exp.data.pieces import cut
from gpt_exp.interfaces import Piece

HINT = "; set data.encoding, or narrow data.paths to text files"


class TextFiles:
    """Files, folders and globs, `.gz` too; a file's name below their common folder is its key."""

    def __init__(self, *, paths: str | Sequence[str], encoding: str = "utf-8") -> None:
        files.check_encoding(encoding)
        self._files = files.find(paths)
        self._encoding = encoding

    def fingerprint(self) -> str:
        return files.fingerprint(self._files, self._encoding)

    def pieces(self) -> Iterator[Piece]:
        """Raises ValueError for a file that is not in the encoding."""
        for name, path in self._files.items():
            with files.open_text(path, self._encoding, hint=HINT) as file:
                yield from cut(file, name)
