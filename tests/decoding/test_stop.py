"""Stop strings are found wherever tokens begin and end."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt_exp.decoding.stop import StopStrings, until

TEXT = st.text(alphabet="ab.é", max_size=20)
STRINGS = st.lists(st.text(alphabet="ab.é", min_size=1, max_size=4), max_size=3)
PIECES = st.lists(st.text(alphabet="ab.é", max_size=3), max_size=12)


class Pairs:
    """Tokens are indices of strings."""

    def __init__(self, words: list[str]) -> None:
        self.words = words

    def decode(self, tokens: list[int]) -> str:
        return "".join(self.words[token] for token in tokens)


class Bytes:
    def decode(self, tokens: list[int]) -> str:
        return bytes(tokens).decode(errors="replace")


def first(text: str, strings: list[str], after: int = 0) -> int:
    """Where the first of the strings begins; the text's end if none is there."""
    return min([place for s in strings if (place := text.find(s, after)) >= 0], default=len(text))


def test_a_string_may_straddle_tokens_and_end_inside_one() -> None:
    stop: Any = StopStrings(Pairs(["ab\n", "\ncd", "ef"]), ["\n\nc"])  # type: ignore[arg-type]
    assert not stop([0])
    assert stop([0, 1])
    assert stop.cut("ab\n\ncd") == "ab"
    assert stop.cut("ab\ncd") == "ab\ncd"


@given(TEXT, STRINGS)
def test_it_ends_with_the_first_byte_that_completes_a_string(text: str, strings: list[str]) -> None:
    stop, tokens = StopStrings(Bytes(), strings), list(text.encode())  # type: ignore[arg-type]
    ends = [n for n in range(1, len(tokens) + 1) if stop(tokens[:n])]
    whole = [n for n in range(1, len(text) + 1) if any(string in text[:n] for string in strings)]
    assert (ends[0] if ends else None) == (len(text[: whole[0]].encode()) if whole else None)
    assert stop.cut(text) == text[: first(text, strings)]


@given(PIECES, STRINGS, st.integers(0, 5))
def test_streamed_text_is_cut_at_the_first_string(pieces: list[str], strings: list[str], after: int) -> None:
    text = "".join(pieces)
    assert "".join(until(pieces, strings, after=after)) == text[: first(text, strings, after)]


@given(PIECES)
def test_nothing_is_held_back_without_need(pieces: list[str]) -> None:
    assert [text for text in until(pieces, ["zz"]) if text] == [text for text in pieces if text]


def test_no_more_is_read_than_needed() -> None:
    pieces = iter(["a", "b.", "c", "d"])
    assert "".join(until(pieces, [".c"])) == "ab"
    assert next(pieces) == "d"


def test_an_empty_string_is_refused() -> None:
    with pytest.raises(ValueError, match="one character at least"):
        StopStrings(Bytes(), ["a", ""])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="one character at least"):
        list(until(["a"], [""]))
