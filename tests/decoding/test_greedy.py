"""Greedy decoding is transformers'."""

from functools import partial

import pytest
import torch

from gpt_exp.decoding.beam import Beam
from gpt_exp.decoding.greedy import Greedy
from gpt_exp.decoding.sampling import Sampling
from gpt_exp.interfaces import Rules


@pytest.mark.parametrize("penalty", [1.0, 1.3, 0.8])
def test_it_is_transformers(pair, penalty: float) -> None:
    ours, theirs = pair
    prompt = [1, 2, 3, 2]
    expected = theirs.generate(
        torch.tensor([prompt]), max_new_tokens=10, do_sample=False, repetition_penalty=penalty
    )
    assert Greedy(repetition_penalty=penalty)(ours, [prompt], Rules(10)) == [expected[0, 4:].tolist()]


def has_repeats(tokens: list[int], size: int) -> bool:
    ngrams = [tuple(tokens[start : start + size]) for start in range(len(tokens) - size + 1)]
    return len(set(ngrams)) < len(ngrams)


@pytest.mark.parametrize("decoding", [Greedy, partial(Beam, num_beams=3), partial(Sampling, temperature=0.2)])
def test_no_ngram_comes_twice(real_model, decoding) -> None:
    prompts, rules, seeds = [[1, 2, 3], [4]], Rules(40), [0, 1]
    assert any(has_repeats(row, 3) for row in decoding()(real_model, prompts, rules, seeds=seeds))
    found = decoding(no_repeat_ngram_size=3)(real_model, prompts, rules, seeds=seeds)
    assert [len(row) for row in found] == [40, 40]
    assert not any(has_repeats(row, 3) for row in found)


def test_temperature_zero_is_greedy(real_model) -> None:
    prompts = [[1, 2, 3], [4]]
    assert Sampling(temperature=0)(real_model, prompts, Rules(20)) == Greedy()(real_model, prompts, Rules(20))
