"""The repetition penalty is its paper's and transformers'; masks and ends."""

import math

import pytest
import torch
from transformers import generation

from gpt_exp.decoding.rules import Repetition, has_ended, mask, penalize
from gpt_exp.interfaces import Rules


@pytest.mark.parametrize("penalty", [0.7, 1.0, 1.2])
def test_penalty_is_transformers(penalty: float) -> None:
    logits = torch.randn(2, 9, generator=torch.Generator().manual_seed(0))
    before = logits.clone()
    rows = [[1, 2, 2, 7], [0, 3, 4, 8]]
    theirs = generation.RepetitionPenaltyLogitsProcessor(penalty)(torch.tensor(rows), logits.clone())
    assert torch.equal(penalize(logits, rows, penalty), theirs)
    assert torch.equal(logits, before)


@pytest.mark.parametrize("penalty", [0.0, -1.0, math.nan])
def test_penalty_out_of_range_is_told(penalty: float) -> None:
    with pytest.raises(ValueError, match="repetition_penalty"):
        Repetition.checked(penalty, None)


def test_an_ngram_has_a_token_at_least() -> None:
    with pytest.raises(ValueError, match="no_repeat_ngram_size=0"):
        Repetition.checked(1.0, 0)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_repeated_ngrams_are_ruled_out_as_by_transformers(size: int) -> None:
    logits = torch.randn(3, 6, generator=torch.Generator().manual_seed(0))
    before = logits.clone()
    new = [[1, 2, 3, 1, 2], [4, 4, 4, 4, 4], [0, 1, 2, 3, 4]]
    theirs = generation.NoRepeatNGramLogitsProcessor(size)(torch.tensor(new), logits.clone())
    assert torch.equal(mask(logits, new, Rules(9), size), theirs)
    assert torch.equal(logits, before)
    assert torch.equal(mask(logits, [[], [], []], Rules(9), size), logits)


def test_where_every_token_would_repeat_any_may() -> None:
    logits = torch.ones(2, 3)
    masked = mask(logits, [[0, 1, 2], [0, 1]], Rules(9), 1)
    assert masked.isfinite().int().tolist() == [[1, 1, 1], [0, 0, 1]]


def test_where_rules_say_what_may_follow_it_may_repeat() -> None:
    masked = mask(torch.ones(1, 4), [[3, 3]], Rules(5, allowed=lambda new: {3}), 1)
    assert masked.isfinite().int().tolist() == [[0, 0, 0, 1]]


def test_mask_rules_out_what_is_not_allowed() -> None:
    masked = mask(torch.ones(2, 4), [[], [3]], Rules(5, allowed=lambda new: {0, 3} if new else {2}))
    assert masked.isfinite().int().tolist() == [[0, 0, 1, 0], [1, 0, 0, 1]]


def test_ends() -> None:
    assert has_ended([1, 2], Rules(2))
    assert not has_ended([1], Rules(2))
    assert has_ended([1], Rules(2, stop=lambda new: new[-1] == 1))
    assert has_ended([1], Rules(2, allowed=lambda new: ()))
