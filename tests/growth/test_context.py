"""A cut sequence: the same tokens and targets, attention that ends at the cuts."""

import numpy as np
import pytest
import torch

from gpt_exp.growth.context import cut
from gpt_exp.model.llama import Llama
from gpt_exp.sampling.packed import Packed
from gpt_exp.sampling.windows import Windows
from gpt_exp.task.collate import collate

TOKENS = np.random.default_rng(0).integers(0, 7, 400)  # 0 ends a text.


def batch_of(sampling, context_length, count):
    examples = sampling.training(TOKENS, context_length=context_length, end_of_text=0, seed=1)
    return collate([examples[i] for i in range(count)])


@pytest.mark.parametrize("sampling", [Windows(), Packed()])
def test_every_target_is_still_the_token_that_comes_next(sampling):
    whole = batch_of(sampling, 32, 3)
    short = cut(whole, 8)
    assert short.tokens.shape == short.targets.shape == (12, 8)
    assert torch.equal(short.tokens.reshape(3, 32), whole.tokens)
    assert torch.equal(short.targets.reshape(3, 32), whole.targets)
    assert torch.equal(short.targets[:, :-1], short.tokens[:, 1:])
    ends = short.targets[:, -1].reshape(3, 4)
    assert torch.equal(ends[:, :-1], short.tokens[:, 0].reshape(3, 4)[:, 1:])


def test_a_full_length_leaves_the_batch_as_it_is():
    whole = batch_of(Packed(), 32, 3)
    assert cut(whole, 32) is whole


@pytest.mark.parametrize("sampling", [Windows(), Packed()])
def test_a_cut_sequence_is_read_as_one_that_stands_alone(sampling):
    """Of packed documents too: each token sees what of its document is in the cut, from position 0 on."""
    torch.manual_seed(0)
    model = Llama(vocab_size=7, context_length=32, num_layers=2, num_heads=2, embedding_dim=16)
    short = cut(batch_of(sampling, 32, 2), 8)
    hidden = model(short.tokens, documents=short.documents)
    for row in range(8):
        tokens = short.tokens[row : row + 1]
        documents = None if short.documents is None else (tokens == 0).cumsum(1)
        torch.testing.assert_close(hidden[row : row + 1], model(tokens, documents=documents))
