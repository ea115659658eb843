"""An answer beside what it should have been: as pieces of text, with what only one of them has marked."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

FOLDED = 600  # Characters of a text that are shown at once.
EXTRA, MISSING, RIGHT = "extra", "missing", "right"
# Words, and single letters of scripts that put no space between words; all else between them.
WORD = re.compile(
    r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W\u0e00-\u0eff\u3040-\u9fff]+|\W+"
)


class Piece(NamedTuple):
    text: str
    mark: str = ""


class Folded(NamedTuple):
    """A text: its beginning, and the rest behind a fold."""

    shown: list[Piece]
    hidden: list[Piece]

    @property
    def num_hidden(self) -> int:
        return sum(len(piece.text) for piece in self.hidden)


class Compared(NamedTuple):
    output: Folded
    references: list[Folded]


def compared(output: Any, reference: Any) -> Compared:
    """Texts are compared word by word, and rankings item by item; other JSON is shown as it is."""
    if isinstance(output, list) and all(map(_is_plain, output)):
        return _ranking(output, reference if isinstance(reference, list) else [reference])
    references = reference if isinstance(reference, list) else [reference]
    if not isinstance(output, str) or not references or not all(isinstance(r, str) for r in references):
        return Compared(plain(output), [plain(reference)])
    known = Counter[str]()
    for each in references:
        known |= Counter(_words(each))
    own = Counter(_words(output))
    return Compared(
        fold(list(_marked(output, known, EXTRA))),
        [fold(list(_marked(each, own, MISSING))) for each in references],
    )


def plain(value: Any) -> Folded:
    """A text, or JSON as text."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)
    return fold([Piece(text)])


def fold(pieces: Sequence[Piece]) -> Folded:
    """The pieces with a fold after `FOLDED` characters, if more than a few come after it."""
    if sum(len(piece.text) for piece in pieces) <= 1.25 * FOLDED:
        return Folded(list(pieces), [])
    shown: list[Piece] = []
    hidden: list[Piece] = []
    room = FOLDED
    for text, mark in pieces:
        shown += [Piece(text[:room], mark)] if room else []
        hidden += [Piece(text[room:], mark)] if text[room:] else []
        room = max(0, room - len(text))
    return Folded(shown, hidden)


def _marked(text: str, other: Counter[str], mark: str) -> Iterator[Piece]:
    """Pieces as long as can be; a word that `other` has fewer times is marked from then on."""
    left, pieces = other.copy(), ""
    last = ""
    for match in WORD.finditer(text):
        word = match[0].casefold()
        own = mark if _is_word(word) and left[word] <= 0 else ""
        left[word] -= 1
        if own != last and pieces:
            yield Piece(pieces, last)
            pieces = ""
        pieces, last = pieces + match[0], own
    if pieces:
        yield Piece(pieces, last)


def _words(text: str) -> list[str]:
    return [word for match in WORD.finditer(text) if _is_word(word := match[0].casefold())]


def _is_word(text: str) -> bool:
    return text[:1].isalnum() or text[:1] == "_"


def _ranking(output: Sequence[Any], reference: Sequence[Any]) -> Compared:
    """Items in their order; those that should be there are marked."""
    wanted = {_item(each) for each in reference}
    return Compared(_items(output, wanted), [_items(reference, set())])


def _items(items: Sequence[Any], right: set[str]) -> Folded:
    pieces: list[Piece] = []
    for item in map(_item, items):
        pieces += [Piece(", ")] if pieces else []
        pieces.append(Piece(item, RIGHT if item in right else ""))
    return fold(pieces or [Piece("(nothing)")])


def _item(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float) or value is None
