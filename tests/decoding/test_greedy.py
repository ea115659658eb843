"""Greedy decoding is transformers'."""

import pytest
import torch

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


def test_temperature_zero_is_greedy(real_model) -> None:
    prompts = [[1, 2, 3], [4]]
    assert Sampling(temperature=0)(real_model, prompts, Rules(20)) == Greedy()(real_model, prompts, Rules(20))
