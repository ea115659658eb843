"""English forms by rule, and where there is none."""

import pytest

from gpt_exp.augmentation.inflection import Form, bases, inflect


@pytest.mark.parametrize(
    ("base", "form", "irregular", "expected"),
    [
        ("story", "s", [], "stories"),
        ("day", "s", [], "days"),
        ("watch", "s", [], "watches"),
        ("man", "s", ["men"], "men"),
        ("make", "ing", [], "making"),
        ("see", "ing", [], "seeing"),
        ("stop", "ing", ["stopping"], "stopping"),
        ("carry", "past", [], "carried"),
        ("love", "past", [], "loved"),
        ("buy", "past", ["bought"], "bought"),
        ("cast", "past", [], "cast"),
        ("eat", "past", ["ate", "eaten"], None),
        ("show", "past", ["shown"], None),
    ],
)
def test_form(base: str, form: Form, irregular: list[str], expected: str | None) -> None:
    assert inflect(base, form, irregular) == expected


@pytest.mark.parametrize(("word", "base"), [("carried", "carry"), ("loved", "love"), ("makes", "make")])
def test_a_verbs_base_is_among_the_guesses(word: str, base: str) -> None:
    assert base in bases(word, "verb") or base in bases(word.replace("ied", "ies"), "verb")
