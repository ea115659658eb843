"""Strings that end a text, wherever its tokens begin and end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from gpt_exp.interfaces import Tokenizer

MARGIN = 8  # Tokens decoded beyond those that a string can have: the first ones may come out differently.


class StopStrings:
    """`Rules.stop`: new tokens end once their text holds one of `strings`; ValueError for an empty one.

    The last token may carry text from before and after the string: `cut` keeps what stands before it.
    """

    def __init__(self, tokenizer: Tokenizer, strings: Sequence[str]) -> None:
        check(strings)
        self.tokenizer, self.strings = tokenizer, tuple(strings)
        # A token has a byte at least, so only the last few can complete a string.
        self.num_tokens = MARGIN + max((len(string.encode()) for string in strings), default=0)

    def __call__(self, new: Sequence[int]) -> bool:
        text = self.tokenizer.decode(new[-self.num_tokens :])
        return any(string in text for string in self.strings)

    def cut(self, text: str) -> str:
        """The text before the first of the strings."""
        return text[: min((place for s in self.strings if (place := text.find(s)) >= 0), default=None)]


def check(strings: Sequence[str]) -> None:
    """ValueError for a string that every text holds."""
    if not all(strings):
        raise ValueError("a stop string has one character at least")


def until(texts: Iterable[str], strings: Sequence[str], *, after: int = 0) -> Iterator[str]:
    """Pieces of a text as they come, up to the first of `strings` that begins at character `after` or later.

    What may be the beginning of one is held back until it is known. Reads no more pieces than it needs.
    """
    check(strings)
    held, to_skip = "", after
    for text in texts:
        yield text[:to_skip]
        held, to_skip = held + text[to_skip:], max(0, to_skip - len(text))
        places = [place for string in strings if (place := held.find(string)) >= 0]
        if places:
            yield held[: min(places)]
            return
        safe = len(held) - _open_end(held, strings)
        yield held[:safe]
        held = held[safe:]
    yield held


def _open_end(text: str, strings: Sequence[str]) -> int:
    """How many last characters may be the beginning of one of the strings."""
    longest = max(map(len, strings), default=1) - 1
    return next(
        (n for n in range(min(longest, len(text)), 0, -1) if any(s.startswith(text[-n:]) for s in strings)), 0
    )
