"""Documents as pieces of bounded length, and what is equal about two equal sources."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import TextIO

from gpt_exp.interfaces import Piece, Source

PIECE_LENGTH = 2**17  # Characters. Encoding takes some 150 bytes of memory a token, so pieces are kept small.


def cut(file: TextIO, document: str) -> Iterator[Piece]:
    """A text as pieces that end at line ends, where lines are not endless; nothing for an empty one."""
    while text := file.read(PIECE_LENGTH) + file.readline(PIECE_LENGTH):
        yield Piece(text, document)


def of_rows(texts: Iterable[str | None]) -> Iterator[Piece]:
    """Rows have no name: their text's hash is the key, so that a row stays in its split wherever it moves.

    Equal rows in a row get a number after a NUL, which keeps them two documents of one split.
    """
    previous, repeats = "", 0
    for text in texts:
        if text:
            data = text.encode("utf-8", "replace")  # JSON can hold half of a surrogate pair.
            key = hashlib.blake2b(data, digest_size=16).hexdigest()
            repeats = repeats + 1 if key == previous else 0
            previous = key
            yield from cut(io.StringIO(data.decode(), newline=""), f"{key}\0{repeats}" if repeats else key)


def fingerprint(pieces: Iterable[Piece]) -> str:
    """sha256 over texts, keys and borders."""
    digest = hashlib.sha256()
    for text, document in pieces:
        for part in (document, text):
            data = part.encode()
            digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()


def of_sources(sources: Mapping[str, Source]) -> Iterator[Piece]:
    """Source after source; a document's key begins with the name of its own."""
    for name, source in sources.items():
        for piece in source.pieces():
            yield piece._replace(document=f"{name}/{piece.document}")


def fingerprint_of_sources(sources: Mapping[str, Source]) -> str:
    """sha256 over their names and fingerprints, in their order."""
    named = "".join(f"{name}\0{source.fingerprint()}\0" for name, source in sources.items())
    return hashlib.sha256(named.encode()).hexdigest()
