"""Beam search is transformers'; one beam is greedy; many beams are everything."""

from itertools import product
from typing import Any

import pytest
import torch

from gpt_exp.decoding.beam import Beam
from gpt_exp.decoding.greedy import Greedy
from gpt_exp.decoding.labels import Labels
from gpt_exp.interfaces import Rules

PROMPTS = [[1, 2, 3], [4], [5, 6, 7, 8, 9]]
END = 16


def without_end(tokens: list[int]) -> list[int]:
    return tokens[: tokens.index(END)] if END in tokens else tokens


def log_probability(model: Any, prompt: list[int], new: list[int]) -> float:
    with torch.no_grad():
        logits = model.eval().logits(model(torch.tensor([prompt + new])))[0].log_softmax(-1)
    return sum(float(logits[len(prompt) - 1 + i, token]) for i, token in enumerate(new))


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("length_penalty", [0.0, 1.0, 2.0, -0.5])
@pytest.mark.parametrize("num_beams", [1, 2, 5])
def test_it_is_transformers(pair: Any, num_beams: int, length_penalty: float, early_stopping: bool) -> None:
    ours, theirs = pair
    settings = {"num_beams": num_beams, "length_penalty": length_penalty, "early_stopping": early_stopping}
    rules = Rules(9, stop_tokens=(END,))
    for prompt in PROMPTS:
        expected = theirs.generate(
            torch.tensor([prompt]),
            max_new_tokens=9,
            do_sample=False,
            eos_token_id=END,
            num_return_sequences=num_beams,
            output_scores=True,
            return_dict_in_generate=True,
            **(settings if num_beams > 1 else {}),
        )
        (found,) = Beam(**settings).search(ours, [prompt], rules, num_best=num_beams)  # type: ignore[arg-type]
        texts = [without_end(row[len(prompt) :].tolist()) for row in expected.sequences]
        assert [hypothesis.tokens for hypothesis in found] == texts
        if num_beams > 1:
            scores = torch.tensor([hypothesis.score for hypothesis in found])
            torch.testing.assert_close(scores, expected.sequences_scores, rtol=1e-4, atol=1e-4)


def test_the_comparison_has_texts_that_end_and_texts_that_do_not(pair: Any) -> None:
    found = Beam(num_beams=5).search(pair[0], PROMPTS, Rules(9, stop_tokens=(END,)), num_best=5)
    assert {len(hypothesis.tokens) == 9 for row in found for hypothesis in row} == {False, True}


@pytest.mark.parametrize("penalty", [1.0, 1.5])
@pytest.mark.parametrize("num", [1, 8, 30])
def test_one_beam_is_greedy(real_model: Any, num: int, penalty: float) -> None:
    rules = Rules(num, stop_tokens=(END, 11))
    assert Beam(num_beams=1, repetition_penalty=penalty)(real_model, PROMPTS, rules) == Greedy(
        repetition_penalty=penalty
    )(real_model, PROMPTS, rules)


@pytest.mark.parametrize("num", [8, 30])  # 30: beyond the context.
def test_batched_is_as_one_at_a_time_and_cached_as_uncached(real_model: Any, num: int) -> None:
    rules = Rules(num, stop_tokens=(END,))
    together = Beam(num_beams=3).search(real_model, PROMPTS, rules, num_best=3)
    alone = [Beam(num_beams=3).search(real_model, [p], rules, num_best=3)[0] for p in PROMPTS]
    uncached = Beam(num_beams=3, use_cache=False).search(real_model, PROMPTS, rules, num_best=3)
    for other in (alone, uncached):
        for ours, theirs in zip(together, other, strict=True):
            assert [h.tokens for h in ours] == [h.tokens for h in theirs]
            assert [h.score for h in ours] == pytest.approx([h.score for h in theirs], rel=1e-4)


def test_a_cache_that_cannot_select_rows_is_read_again(model: Any) -> None:
    rules = Rules(8, stop_tokens=(3,))
    prompts = [prompt[:1] for prompt in PROMPTS]
    cached, uncached = (Beam(num_beams=4, use_cache=use)(model, prompts, rules) for use in (True, False))
    assert cached == uncached


def test_beams_enough_for_everything_find_the_best(pair: Any) -> None:
    model, prompt, tokens = pair[0], [1, 2], range(6)
    rules = Rules(3, allowed=lambda new: tokens if len(new) < 3 else ())
    (found,) = Beam(num_beams=216, length_penalty=0.0).search(model, [prompt], rules, num_best=216)
    scores = {new: log_probability(model, prompt, list(new)) for new in product(tokens, repeat=3)}
    best = sorted(scores, key=lambda new: -scores[new])
    assert [tuple(hypothesis.tokens) for hypothesis in found] == best
    assert [h.score for h in found] == pytest.approx([scores[new] for new in best], rel=1e-4)


def test_more_beams_find_more_probable_texts_than_greedy(real_model: Any) -> None:
    settings = {"length_penalty": 0.0}
    rules = Rules(6)
    greedy = [
        log_probability(real_model, p, n)
        for p, n in zip(PROMPTS, Greedy()(real_model, PROMPTS, rules), strict=True)
    ]
    found = Beam(num_beams=20, **settings).search(real_model, PROMPTS, rules)
    assert all(row[0].score >= other - 1e-4 for row, other in zip(found, greedy, strict=True))
    assert any(row[0].score > other + 0.01 for row, other in zip(found, greedy, strict=True))


def test_labels_bound_the_texts_and_their_number(real_model: Any) -> None:
    labels = [[3], [3, 4], [5, 6, 7]]
    rules = Rules(5, stop_tokens=(END,), allowed=Labels(labels, end=END))
    found = Beam(num_beams=4).search(real_model, PROMPTS, rules, num_best=4)
    assert all(sorted(hypothesis.tokens for hypothesis in row) == labels for row in found)


def test_a_stop_rule_ends_hypotheses(real_model: Any) -> None:
    rules = Rules(20, stop=lambda new: len(new) == 3)
    found = Beam(num_beams=3).search(real_model, PROMPTS, rules, num_best=3)
    assert [len(h.tokens) for row in found for h in row] == [3] * 9


def test_a_prompt_is_read_once_for_all_beams(counted: Any) -> None:
    Beam(num_beams=4)(counted, PROMPTS, Rules(6))
    assert counted.num_read == len(PROMPTS) * 5 + 5 * len(PROMPTS) * 4


def test_no_text_no_search(real_model: Any) -> None:
    assert Beam(num_beams=2)(real_model, [], Rules(3)) == []
    assert Beam(num_beams=2)(real_model, PROMPTS, Rules(0)) == [[], [], []]


def test_settings_out_of_range_are_named(real_model: Any) -> None:
    with pytest.raises(ValueError, match="num_beams=0"):
        Beam(num_beams=0)
    with pytest.raises(ValueError, match="num_beams=2 give from 1 to so many texts, not 3"):
        Beam(num_beams=2).search(real_model, PROMPTS, Rules(3), num_best=3)
