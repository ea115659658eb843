"""English forms: from "movies" to "movie" and from "film" to "films"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

PartOfSpeech = Literal["noun", "verb", "adj", "adv"]
Form = Literal["base", "s", "ing", "past"]

# What WordNet's own morphy takes off (man 7 morphy). No comparatives: their synonyms may need "more".
ENDINGS: Mapping[PartOfSpeech, Sequence[tuple[str, str]]] = {
    "noun": (
        ("s", ""),
        ("ses", "s"),
        ("xes", "x"),
        ("zes", "z"),
        ("ches", "ch"),
        ("shes", "sh"),
        ("ies", "y"),
    ),
    "verb": (
        ("s", ""),
        ("ies", "y"),
        ("es", "e"),
        ("es", ""),
        ("ed", "e"),
        ("ed", ""),
        ("ing", "e"),
        ("ing", ""),
    ),
    "adj": (),
    "adv": (),
}
SAME_IN_PAST = re.compile(
    r"bet|burst|cast|cost|cut|hit|hurt|let|put|quit|rid|set|shed|shut|split|spread|thrust|upset"
)
TAKES_ES = re.compile(r"(s|x|z|ch|sh|[^aeiou]o)$")
CONSONANT_AND_Y = re.compile(r"[^aeiou]y$")


def bases(word: str, part_of_speech: PartOfSpeech) -> Iterator[str]:
    """What the word may be a regular form of; not all of it exists."""
    for ending, replacement in ENDINGS[part_of_speech]:
        if word.endswith(ending) and len(word) > len(ending) + 1:
            yield word[: -len(ending)] + replacement


def form_of(word: str, base: str, part_of_speech: PartOfSpeech) -> Form:
    """Which form of its base a word is; the past tense and its participle count as one."""
    if word == base:
        return "base"
    if part_of_speech == "noun" or word.endswith("s"):
        return "s"
    return "ing" if word.endswith("ing") else "past"


def inflect(base: str, form: Form, irregular: Sequence[str]) -> str | None:
    """The base in another form; None where tense and participle differ ("ate", "eaten") or may do so.

    `irregular` are the base's forms that no rule gives, doubled consonants ("stopped") among them.
    """
    if form == "base":
        return base
    if form == "s":
        return irregular[0] if irregular else _with_s(base)
    if form == "ing":
        return next(iter(irregular), None) or _with_ing(base)
    if SAME_IN_PAST.fullmatch(base):
        return base
    if len(irregular) > 1 or f"{base}n" in irregular or f"{base}en" in irregular:  # "showed", but "shown".
        return None
    return irregular[0] if irregular else _with_ed(base)


def _with_s(base: str) -> str:
    if CONSONANT_AND_Y.search(base):
        return f"{base[:-1]}ies"
    return f"{base}es" if TAKES_ES.search(base) else f"{base}s"


def _with_ing(base: str) -> str:
    silent = base.endswith("e") and not base.endswith(("ee", "oe", "ye"))
    return f"{base[:-1]}ing" if silent else f"{base}ing"


def _with_ed(base: str) -> str:
    if CONSONANT_AND_Y.search(base):
        return f"{base[:-1]}ied"
    return f"{base}d" if base.endswith("e") else f"{base}ed"
