"""Paraphrases from a file: whole, readable, and of these texts."""

from pathlib import Path

import numpy as np
import pytest

from gpt_exp.augmentation import back_translation, paraphrases
from gpt_exp.augmentation.back_translation import BackTranslation

TEXTS = ["A dog runs .", "Two men\u2028sit .", "Ein Hund läuft ."]
FOUND = {TEXTS[0]: ["A dog is running .", "There runs a dog ."], TEXTS[1]: []}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    paraphrases.add(tmp_path / "en.jsonl", FOUND)
    return tmp_path / "en.jsonl"


def test_a_file_gives_back_what_was_added(path: Path) -> None:
    assert paraphrases.read(path) == FOUND
    paraphrases.add(path, {TEXTS[2]: ["Ein Hund rennt ."]})
    assert paraphrases.read(path) == {**FOUND, TEXTS[2]: ["Ein Hund rennt ."]}


def test_the_text_itself_is_no_paraphrase(path: Path) -> None:
    paraphrases.add(path, {TEXTS[2]: [TEXTS[2], "Ein Hund rennt .", "Ein Hund rennt .", " "]})
    assert paraphrases.read(path)[TEXTS[2]] == ["Ein Hund rennt ."]


def test_missing_are_the_texts_that_were_never_asked(path: Path) -> None:
    assert paraphrases.missing([TEXTS[2], *TEXTS], paraphrases.read(path)) == [TEXTS[2]]
    assert paraphrases.missing(TEXTS, paraphrases.read(path.with_name("none.jsonl"))) == TEXTS


@pytest.mark.parametrize(
    "line",
    [
        "no JSON",
        "[1]",
        '{"text": "A"}',
        '{"text": "A", "paraphrases": "B"}',
        '{"text": 1, "paraphrases": []}',
    ],
)
def test_a_bad_line_is_named(path: Path, line: str) -> None:
    with path.open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(ValueError, match=rf"{path.name}:3: a line must be"):
        paraphrases.read(path)


def test_all_paraphrases_come_and_other_texts_stay(path: Path, random: np.random.Generator) -> None:
    augmentation = BackTranslation(fields=["source"], path=str(path), share=1.0)
    said = {augmentation({"source": TEXTS[0]}, random)["source"] for _ in range(30)}
    assert said == set(FOUND[TEXTS[0]])
    assert [augmentation({"source": text}, random)["source"] for text in TEXTS[1:]] == TEXTS[1:]


def test_a_file_of_other_texts_is_told(
    path: Path, random: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(back_translation, "ENOUGH_TEXTS", 3)
    strange = {"source": "Not in the file ."}
    fits = BackTranslation(fields=["source"], path=str(path), share=1.0)
    for record in ({"source": TEXTS[0]}, *[strange] * 5):
        fits(record, random)
    fits_not = BackTranslation(fields=["source"], path=str(path), share=1.0)
    with pytest.raises(ValueError, match="none of the 3 texts"):
        for _ in range(3):
            fits_not(strange, random)


@pytest.mark.parametrize(("content", "message"), [(None, "no file"), ("", "holds no paraphrases")])
def test_a_file_without_paraphrases_is_told(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "en.jsonl").write_text(content)
    with pytest.raises(ValueError, match=message):
        BackTranslation(fields=["source"], path=str(tmp_path / "en.jsonl"))
