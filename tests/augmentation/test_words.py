"""Words and gaps: nothing of a text is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt_exp.augmentation.words import delete, insert, is_name, split


@given(st.text(alphabet="aÄs'’-_ .\n漢1", max_size=40))
def test_an_untouched_text_comes_back(text: str) -> None:
    assert split(text).join() == text


def test_real_text_comes_back(paragraphs: list[str]) -> None:
    assert [split(text).join() for text in paragraphs] == paragraphs


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't re-do it.", ["Don't", "re-do", "it"]),
        ("it 's n't 'quoted'", ["it", "'s", "n't", "quoted"]),
        ("Über 3 Äpfel\n", ["Über", "3", "Äpfel"]),
        (" ... ", []),
    ],
)
def test_what_a_word_is(text: str, words: list[str]) -> None:
    assert split(text).words == words


@pytest.mark.parametrize(
    ("index", "left"),
    [(0, "(old) dog, runs."), (1, "A () dog, runs."), (2, "A (old), runs."), (3, "A (old) dog,.")],
)
def test_deletion_keeps_punctuation_and_no_double_space(index: int, left: str) -> None:
    assert delete(split("A (old) dog, runs."), index).join() == left


def test_deletion_keeps_lines() -> None:
    text = split("One line.\nMy dog\nruns")
    assert [delete(text, index).join() for index in (2, 3, 4)] == [
        "One line.\ndog\nruns",
        "One line.\nMy\nruns",
        "One line.\nMy dog",
    ]


@pytest.mark.parametrize(("index", "longer"), [(0, "new A dog ."), (1, "A new dog ."), (2, "A dog new .")])
def test_insertion_adds_one_word(index: int, longer: str) -> None:
    assert insert(split("A dog ."), index, "new").join() == longer


def test_capitals_inside_a_sentence_are_names() -> None:
    text = split("Films of Rob Reiner. Films by NASA")
    assert [word for i, word in enumerate(text.words) if is_name(text, i)] == ["Rob", "Reiner", "NASA"]
