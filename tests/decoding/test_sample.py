"""Sampling: the cache changes nothing, the seed decides everything, training notices nothing."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gpt_exp.decoding.sample import sample
from gpt_exp.model.gpt2 import GPT2
from gpt_exp.model.llama import Llama

PROMPT = torch.tensor([[1, 2, 3], [4, 5, 6]])


def generate(model: Any, prompt: Tensor = PROMPT, **settings: Any) -> Tensor:
    """`(batch, max_new_tokens)`"""
    return torch.stack(list(sample(model, prompt, **{"max_new_tokens": 8, "seed": 7, **settings})), dim=1)


@pytest.mark.parametrize("max_new_tokens", [1, 8, 40])  # 40: far beyond the context.
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_with_and_without_cache_are_equal(model: nn.Module, max_new_tokens: int, temperature: float) -> None:
    settings = {"max_new_tokens": max_new_tokens, "temperature": temperature}
    assert torch.equal(generate(model, **settings), generate(model, use_cache=False, **settings))


@pytest.mark.parametrize("family", [GPT2, Llama])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_real_models_write_the_same_with_and_without_cache(family: Any, temperature: float) -> None:
    torch.manual_seed(0)
    model = family(vocab_size=50, context_length=16, num_layers=2, num_heads=2, embedding_dim=16, dropout=0.1)
    settings = {"max_new_tokens": 40, "temperature": temperature}
    assert torch.equal(generate(model, **settings), generate(model, use_cache=False, **settings))


def test_the_cache_reads_every_token_once(model: Any) -> None:
    generate(model, max_new_tokens=8)
    assert model.num_read == PROMPT.size(1) + 7


def test_beyond_the_context_only_its_last_half_counts(model: Any) -> None:
    tokens = torch.cat([PROMPT, generate(model, max_new_tokens=10, temperature=0)], dim=1)  # One too many.
    continued = generate(model, max_new_tokens=16, temperature=0)[:, 10:]
    assert torch.equal(continued, generate(model, tokens[:, -6:], max_new_tokens=6, temperature=0))


def test_of_a_long_prompt_the_last_context_counts(model: Any) -> None:
    prompt = torch.arange(30)[None] % 11
    assert torch.equal(
        generate(model, prompt, temperature=0), generate(model, prompt[:, -12:], temperature=0)
    )


def test_the_seed_decides(model: nn.Module) -> None:
    assert torch.equal(generate(model), generate(model))
    assert not torch.equal(generate(model), generate(model, seed=8))
    assert not torch.equal(
        generate(model, seed=None, max_new_tokens=40), generate(model, seed=None, max_new_tokens=40)
    )


def test_frequencies_follow_the_models_probabilities(model: Any) -> None:
    prompt = torch.tensor([[1, 2]]).repeat(20_000, 1)
    counts = generate(model, prompt, max_new_tokens=1)[:, 0].bincount(minlength=11)
    with torch.no_grad():
        expected = model.eval().logits(model(prompt[:1]))[0, -1].softmax(-1)
    torch.testing.assert_close(counts / 20_000, expected, atol=0.015, rtol=0)


def test_training_notices_nothing(model: Any) -> None:
    model.train()
    model.output.eval()  # As frozen parts are.
    modes = [module.training for module in model.modules()]
    state = torch.get_rng_state()
    generate(model, seed=None)
    assert torch.equal(torch.get_rng_state(), state)
    assert [module.training for module in model.modules()] == modes
    assert torch.is_grad_enabled()


def test_modes_come_back_when_nobody_reads_on(model: Any) -> None:
    model.train()
    stream = sample(model, PROMPT, max_new_tokens=8)
    next(stream)
    assert not model.training and torch.is_grad_enabled()
    stream.close()
    assert model.training


def test_a_stopped_sequence_repeats_the_stop_token_until_all_have(model: nn.Module) -> None:
    free = generate(model, max_new_tokens=200)
    stopped = generate(model, max_new_tokens=200, stop_token=3)
    lengths = [(row == 3).nonzero()[0, 0] for row in free]
    assert stopped.size(1) == max(lengths) + 1
    for row, free_row, length in zip(stopped, free, lengths, strict=True):
        assert torch.equal(row[:length], free_row[:length])
        assert (row[length:] == 3).all()


def test_filters_apply(model: nn.Module) -> None:
    greedy = generate(model, temperature=0)
    for setting in ({"top_k": 1}, {"top_p": 1e-6}, {"min_p": 1.0}):
        assert torch.equal(generate(model, **setting), greedy)


@pytest.mark.parametrize("shape", [(2, 0), (3,)])
def test_a_prompt_without_tokens_is_refused(model: nn.Module, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="one token at least"):
        generate(model, torch.zeros(shape, dtype=torch.long))
