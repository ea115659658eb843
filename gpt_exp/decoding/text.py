"""Text from a stream of tokens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gpt_exp.interfaces import Tokenizer

INCOMPLETE = "\ufffd"  # What decoders write for bytes that are not (yet) a character.


def stream_text(tokenizer: Tokenizer, tokens: Iterable[int]) -> Iterator[str]:
    """The text of tokens as they come, joined equal to `decode` of all; a character never comes in halves.

    Some tokens of text that is already out are decoded again with the new ones, because a decoder may treat
    the first token of a text differently.
    """
    yield from (text for text in pieces(tokenizer, tokens) if text)


def pieces(tokenizer: Tokenizer, tokens: Iterable[int]) -> Iterator[str]:
    """For each token the text that is complete with it, which may be none; at last what never is."""
    seen: list[int] = []  # Tokens of the last text that went out, then those since.
    num_out = 0
    for token in tokens:
        seen.append(token)
        new = _new_text(tokenizer, seen, num_out)
        if new.endswith(INCOMPLETE):
            new = ""
        elif new:
            seen, num_out = seen[num_out:], len(seen) - num_out
        yield new
    yield _new_text(tokenizer, seen, num_out)


def _new_text(tokenizer: Tokenizer, seen: list[int], num_out: int) -> str:
    return tokenizer.decode(seen)[len(tokenizer.decode(seen[:num_out])) :]
