"""A text as its words and what stands between them."""

from __future__ import annotations

import re
from typing import NamedTuple

# "don't" and "well-made" are a word each, and so is the 's of tokenised text ("it 's").
WORD = re.compile(r"(?<!\w)['’](?:s|re|ve|ll|d|m)\b|\w+(?:['’-]\w+)*")


class Words(NamedTuple):
    """Words and gaps in turn, from a gap to a gap; `join` of an untouched `split` is the text itself."""

    words: list[str]
    gaps: list[str]  # One more than words.

    def join(self) -> str:
        pairs = zip(self.words, self.gaps[1:], strict=True)
        return self.gaps[0] + "".join(word + gap for word, gap in pairs)


def split(text: str) -> Words:
    """Scripts that put no space between words give one word a clause."""
    return Words(WORD.findall(text), WORD.split(text))


def delete(text: Words, index: int) -> Words:
    """Without one word, and with one space less; punctuation stays."""
    before, after = text.gaps[index : index + 2]
    gap = before + after[1:] if after.startswith(" ") else before.rstrip() + after
    return Words(
        text.words[:index] + text.words[index + 1 :], [*text.gaps[:index], gap, *text.gaps[index + 2 :]]
    )


def insert(text: Words, index: int, word: str) -> Words:
    """With a new word before word `index`, or after the last one."""
    at_end = index == len(text.words)
    gaps = [" ", text.gaps[index]] if at_end else [text.gaps[index], " "]
    return Words(
        [*text.words[:index], word, *text.words[index:]],
        [*text.gaps[:index], *gaps, *text.gaps[index + 1 :]],
    )


def is_name(text: Words, index: int) -> bool:
    """Whether a word has a capital that no start of a sentence explains."""
    word = text.words[index]
    starts = index == 0 or bool(re.search(r"[.!?:\n]", text.gaps[index]))
    return not word.islower() and not (starts and word.istitle())
