"""What every augmentation keeps to, and how much each changes."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gpt_exp.augmentation import paraphrases
from gpt_exp.augmentation.back_translation import BackTranslation
from gpt_exp.augmentation.random_deletion import RandomDeletion
from gpt_exp.augmentation.random_insertion import RandomInsertion
from gpt_exp.augmentation.random_swap import RandomSwap
from gpt_exp.augmentation.span_masking import SpanMasking
from gpt_exp.augmentation.synonyms import Synonyms
from gpt_exp.augmentation.words import split

New = Callable[..., Any]
BY_WORD = [RandomDeletion, RandomInsertion, RandomSwap, SpanMasking, Synonyms]


@pytest.fixture(params=[*BY_WORD, BackTranslation], ids=lambda kind: kind.__name__)
def new(request: pytest.FixtureRequest, tmp_path: Path, paragraphs: list[str]) -> New:
    """Makes an augmentation of the field `text`; back-translation has the next paragraph for each."""
    extra = {}
    if request.param is BackTranslation:
        extra["path"] = str(tmp_path / "paraphrases.jsonl")
        others = [*paragraphs[1:], paragraphs[0]]
        paraphrases.add(
            Path(extra["path"]), {text: [other] for text, other in zip(paragraphs, others, strict=True)}
        )
    return lambda **settings: request.param(**{"fields": ["text"], "share": 1.0, **extra, **settings})


def generator(index: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64([1, 0, index]))


def test_equal_chance_gives_equal_texts(new: New, paragraphs: list[str]) -> None:
    record, augmentation = {"text": paragraphs[1]}, new()
    first = [augmentation(record, generator(i)) for i in range(5)]
    assert first == [augmentation(record, generator(i)) for i in range(5)]
    assert record == {"text": paragraphs[1]}


def test_texts_change_and_change_anew(new: New, paragraphs: list[str]) -> None:
    augmentation = new()
    changed = {augmentation({"text": paragraphs[1]}, generator(i))["text"] for i in range(5)}
    assert paragraphs[1] not in changed
    assert len(changed) > 1 or isinstance(augmentation, BackTranslation)


def test_other_fields_stay(new: New, paragraphs: list[str]) -> None:
    record = {"text": paragraphs[1], "target": paragraphs[1], "label": "a new nation", "id": 7}
    changed = new(fields=["source", "text"])(record, generator())
    assert changed.pop("text") != record["text"]
    assert changed == {"target": paragraphs[1], "label": "a new nation", "id": 7}


@pytest.mark.parametrize(("share", "least", "most"), [(0.0, 0, 0), (0.5, 70, 130), (1.0, 200, 200)])
def test_the_share_of_records_that_change(
    new: New, paragraphs: list[str], share: float, least: int, most: int
) -> None:
    augmentation, text = new(share=share), paragraphs[1]
    changed = sum(augmentation({"text": text}, generator(i))["text"] != text for i in range(200))
    assert least <= changed <= most


@pytest.mark.parametrize(
    ("record", "message"), [({"prompt": "A dog."}, "it has: prompt"), ({"text": ["A dog."]}, "holds list")]
)
def test_records_without_such_a_text_are_told(new: New, record: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        new(share=0.0)(record, generator())


@pytest.mark.parametrize("settings", [{"share": 1.5}, {"fields": []}, {"fields": "text"}])
def test_settings_out_of_range_are_told(new: New, settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        new(**settings)


@pytest.mark.parametrize("text", ["", " ... ", "Liberty"])
def test_tiny_texts_stay_texts(new: New, text: str) -> None:
    assert bool(split(new()({"text": text}, generator())["text"]).words) == bool(split(text).words)


@pytest.mark.parametrize("kind", BY_WORD)
def test_alpha_zero_changes_nothing(kind: New, paragraphs: list[str]) -> None:
    augmentation = kind(fields=["text"], share=1.0, alpha=0.0)
    assert all(augmentation({"text": text}, generator())["text"] == text for text in paragraphs)


@pytest.mark.parametrize("alpha", [0.1, 0.3])
@pytest.mark.parametrize("kind", [RandomDeletion, RandomInsertion, SpanMasking])
def test_alpha_is_the_share_of_words(kind: New, paragraphs: list[str], alpha: float) -> None:
    augmentation = kind(fields=["text"], share=1.0, alpha=alpha)
    num_words = num_changed = 0
    for index, text in enumerate(paragraphs * 3):
        before, after = (
            Counter(split(t).words) for t in (text, augmentation({"text": text}, generator(index))["text"])
        )
        num_words += before.total()
        num_changed += max((before - after).total(), (after - before).total())
    assert 0.75 * alpha < num_changed / num_words < 1.15 * alpha  # Whole words are rounded down.


def test_a_swap_keeps_all_words_and_gaps(paragraphs: list[str]) -> None:
    for text in paragraphs:
        before, after = (
            split(text),
            split(RandomSwap(fields=["text"], share=1.0)({"text": text}, generator())["text"]),
        )
        assert Counter(after.words) == Counter(before.words)
        assert after.gaps == before.gaps


def test_deletion_leaves_one_word_and_the_order(paragraphs: list[str]) -> None:
    text = paragraphs[1]
    nothing_else = RandomDeletion(fields=["text"], share=1.0, alpha=1.0)
    kept = {split(nothing_else({"text": text}, generator(i))["text"]).words[0] for i in range(20)}
    assert len(kept) > 1
    some = iter(split(text).words)
    half = RandomDeletion(fields=["text"], share=1.0, alpha=0.5)({"text": text}, generator())["text"]
    assert all(word in some for word in split(half).words)


def test_masks_stand_in_the_place_of_words(paragraphs: list[str]) -> None:
    text = paragraphs[1]
    masked = SpanMasking(fields=["text"], share=1.0, mask="<mask>")({"text": text}, generator())["text"]
    pairs = list(zip(text.split(), masked.split(), strict=True))
    assert all(old == new or "<mask>" in new for old, new in pairs)


def test_spans_have_the_papers_mean_length() -> None:
    """SpanBERT, section 3.1: mean 3.8."""
    masking = SpanMasking(fields=["text"])
    assert masking._lengths @ np.arange(1, 11) == pytest.approx(3.8, abs=0.01)


def test_a_longest_span_of_one_word_masks_scattered_words(paragraphs: list[str]) -> None:
    def runs(max_length: int) -> int:
        masking = SpanMasking(fields=["text"], share=1.0, max_length=max_length)
        texts = [masking({"text": text}, generator())["text"] for text in paragraphs]
        return sum(text.count("_ _") for text in texts)

    assert runs(10) > 2 * runs(1)
