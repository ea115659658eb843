"""What both ways of sampling promise."""

import pickle
import random

import numpy as np
import pytest

from gpt_exp.interfaces import IGNORE_INDEX
from gpt_exp.sampling.packed import Packed
from gpt_exp.sampling.windows import Windows

EOT = 0
STREAM = np.array([EOT if i % 7 == 0 else i for i in range(103)])
OPTIONS = {"context_length": 8, "end_of_text": EOT}


def training(sampling, seed=3):
    return sampling.training(STREAM, **OPTIONS, seed=seed)


def listed(examples, indices):
    return [examples[index].tokens.tolist() for index in indices]


both = pytest.mark.parametrize("sampling", [Windows(), Packed()])


@both
def test_an_example_is_a_pure_function_of_seed_and_index(sampling):
    indices = list(range(60))
    expected = listed(training(sampling), indices)
    shuffled = random.Random(0).sample(indices, len(indices))
    assert listed(training(sampling), shuffled) == [expected[i] for i in shuffled]
    copy = pickle.loads(pickle.dumps(training(sampling)))
    for num_workers in (1, 2, 4):  # Worker w makes examples w, w + num_workers, ...
        mine = [listed(copy, indices[worker::num_workers]) for worker in range(num_workers)]
        assert [mine[i % num_workers][i // num_workers] for i in indices] == expected
    assert listed(training(sampling, seed=4), indices) != expected


@both
def test_training_examples_are_windows_of_the_stream(sampling):
    windows = {tuple(STREAM[i : i + 9].tolist()) for i in range(len(STREAM) - 8)}
    examples = training(sampling)
    for index in range(300):
        tokens = examples[index].tokens
        assert tuple(tokens.tolist()) in windows and tokens.dtype == np.int64 and tokens.shape == (9,)


@both
@pytest.mark.parametrize("length", [2, 8, 9, 10, 16, 17, 103])
def test_evaluation_has_every_token_once_as_target(sampling, length):
    examples = sampling.evaluation(STREAM[:length], **OPTIONS)
    blocks = [example.tokens for example in examples]
    assert len(blocks) == len(examples)
    targets = np.concatenate([block[1:] for block in blocks])
    assert targets[targets != IGNORE_INDEX].tolist() == STREAM[1:length].tolist()
    for i, block in enumerate(blocks):
        assert block.shape == (9,) and block[0] == STREAM[8 * i]


@both
def test_too_short_a_split_says_how_long_it_is(sampling):
    with pytest.raises(ValueError, match=r"has 8 tokens, fewer than context_length \+ 1 = 9"):
        sampling.training(STREAM[:8], **OPTIONS, seed=0)
    assert sampling.training(STREAM[:9], **OPTIONS, seed=0)[5].tokens.tolist() == STREAM[:9].tolist()
    with pytest.raises(ValueError, match="has 1 tokens"):
        sampling.evaluation(STREAM[:1], **OPTIONS)
