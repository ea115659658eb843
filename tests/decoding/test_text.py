"""Streamed text is the text, and whole characters only."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from gpt_exp.decoding.text import stream_text


class Bytes:
    """A token a byte."""

    def decode(self, tokens: list[int]) -> str:
        return bytes(tokens).decode("utf-8", errors="replace")


class Metaspace:
    """Words that carry their space in front; a text's first space is dropped."""

    def __init__(self) -> None:
        words = ["▁def", "▁return", "▁x", "y"]
        self.tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="y"))
        self.tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        self.tokenizer.decoder = decoders.Metaspace()

    def decode(self, tokens: list[int]) -> str:
        return self.tokenizer.decode(tokens)


def stream(tokenizer: Any, tokens: list[int]) -> list[str]:
    return list(stream_text(tokenizer, tokens))


@given(st.text())
def test_characters_come_whole(text: str) -> None:
    pieces = stream(Bytes(), list(text.encode()))
    assert "".join(pieces) == text
    if "\ufffd" not in text:
        assert pieces == list(text)


@given(st.binary())
def test_nothing_is_lost_of_bytes_that_are_no_text(data: bytes) -> None:
    assert "".join(stream(Bytes(), list(data))) == data.decode(errors="replace")


@pytest.mark.parametrize("tokens", [[0, 2], [0, 2, 3, 1, 2], [3, 3, 0]])
def test_spaces_between_words_are_kept(tokens: list[int]) -> None:
    tokenizer = Metaspace()
    assert "".join(stream(tokenizer, tokens)) == tokenizer.decode(tokens)


def test_text_comes_with_its_token() -> None:
    tokens = iter(b"ab")
    texts = stream_text(Bytes(), tokens)  # type: ignore[arg-type]
    assert next(texts) == "a"
    assert next(tokens) == ord("b")
