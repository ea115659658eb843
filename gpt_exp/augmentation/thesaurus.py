"""Synonyms that fit in a word's place, by WordNet."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from gpt_exp.augmentation.inflection import Form, PartOfSpeech, bases, form_of, inflect
from gpt_exp.augmentation.stop_words import STOP_WORDS
from gpt_exp.augmentation.wordnet import PARTS_OF_SPEECH, WordNet, find_wordnet, open_wordnet
from gpt_exp.augmentation.words import Words, is_name

PLAIN = re.compile(r"[a-z]{3,}(?:[_'-][a-z]+)*")  # No names, formulas, abbreviations.


class Reading(NamedTuple):
    """What a word in a text is taken for."""

    base: str
    part_of_speech: PartOfSpeech


class Thesaurus:
    """Of WordNet in `path`, or where it is found: the `num_senses` most usual meanings of a word count.

    ValueError without WordNet, and for less than one meaning.
    """

    def __init__(self, path: str | None, num_senses: int) -> None:
        if num_senses < 1:
            raise ValueError(f"augmentation: num_senses={num_senses} must be at least 1")
        self._folder, self._num_senses = find_wordnet(path), num_senses

    def replacements(self, text: Words) -> dict[int, tuple[str, ...]]:
        return replacements(text, self._folder, self._num_senses)


def replacements(text: Words, folder: Path, num_senses: int) -> dict[int, tuple[str, ...]]:
    """By a word's index, its synonyms with its capital; without stop words, names, words without synonyms."""
    found = {}
    for index, word in enumerate(text.words):
        stays = word.lower() in STOP_WORDS or is_name(text, index)
        offered = () if stays else synonyms(word.lower(), folder, num_senses)
        if offered:
            found[index] = tuple(_with_case_of(word, synonym) for synonym in offered)
    return found


@lru_cache(maxsize=100_000)
def synonyms(word: str, folder: Path, num_senses: int) -> tuple[str, ...]:
    """Words for the first `num_senses` meanings of the word's most usual part of speech, in its own form.

    Only words that WordNet has seen in use: no "twelvemonth" for a year.
    """
    wordnet = open_wordnet(folder)
    reading = _reading(word, wordnet)
    if reading is None:
        return ()
    base, part = reading
    senses = wordnet.senses(base, part)[:num_senses]
    lemmas = [lemma for sense in senses for lemma in wordnet.lemmas(sense, part)]
    form = form_of(word, base, part)
    usual = [lemma for lemma in lemmas if PLAIN.fullmatch(lemma) and wordnet.num_uses(lemma, part)]
    found = [_inflected(lemma, part, form, wordnet) for lemma in usual]
    return tuple(dict.fromkeys(synonym for synonym in found if synonym and synonym != word))


def _reading(word: str, wordnet: WordNet) -> Reading | None:
    """The most usual one; None where that is a verb's form, yet the word has a life of its own ("moving")."""
    known = [
        Reading(base, part)
        for part in PARTS_OF_SPEECH
        for base in [word, *wordnet.bases[part].get(word, ()), *bases(word, part)]
        if wordnet.senses(base, part)
    ]
    best = max(known, key=lambda reading: wordnet.num_uses(*reading), default=None)
    is_clear = best is not None and (best.base == word or all(base != word for base, _ in known))
    return best if is_clear else None


def _inflected(lemma: str, part: PartOfSpeech, form: Form, wordnet: WordNet) -> str | None:
    """Of several words a noun bends the last one, a verb the first: "motion pictures", "takes over"."""
    words = lemma.split("_")
    place = 0 if part == "verb" else -1
    bent = inflect(words[place], form, _irregular(words[place], part, form, wordnet))
    if bent is None:
        return None
    words[place] = bent
    return " ".join(words)


def _irregular(base: str, part: PartOfSpeech, form: Form, wordnet: WordNet) -> Sequence[str]:
    forms = wordnet.irregular[part].get(base, [])
    return [word for word in forms if form_of(word, base, part) == form]


def _with_case_of(word: str, synonym: str) -> str:
    return synonym[0].upper() + synonym[1:] if word[0].isupper() else synonym
