"""Sampling: each sequence follows its own seed, training notices nothing."""

from typing import Any

import pytest
import torch
from torch import nn

from gpt_exp.decoding.sampling import Sampling
from gpt_exp.decoding.stream import collect
from gpt_exp.interfaces import Rules

PROMPTS = [[1, 2, 3], [4, 5, 6]]
SEEDS = [7, 8]


def sample(model: Any, prompts: Any = PROMPTS, num: int = 8, seeds: Any = SEEDS, **settings: Any) -> Any:
    return Sampling(**settings)(model, prompts, Rules(num), seeds=seeds)


def test_the_seed_decides(model: nn.Module) -> None:
    assert sample(model) == sample(model)
    assert sample(model) != sample(model, seeds=[8, 8])
    assert sample(model, num=40, seeds=None) != sample(model, num=40, seeds=None)


def test_a_seed_a_prompt_is_asked_for(model: nn.Module) -> None:
    with pytest.raises(ValueError, match="1 seeds for 2 prompts"):
        sample(model, seeds=[1])


def test_equal_prompts_of_different_seeds_differ(model: nn.Module) -> None:
    first, second, third = sample(model, [PROMPTS[0]] * 3, num=40, seeds=[1, 2, 1])
    assert first == third != second


@pytest.mark.parametrize("settings", [{}, {"temperature": 0.7, "top_p": 0.9, "repetition_penalty": 1.3}])
def test_a_sequence_is_the_same_whoever_shares_its_batch(real_model: Any, settings: dict[str, Any]) -> None:
    prompts, seeds = [[1, 2, 3], [4], [5, 6, 7, 8, 9, 10]], [3, 4, 5]
    batch = sample(real_model, prompts, num=30, seeds=seeds, **settings)
    alone = [
        sample(real_model, [prompt], num=30, seeds=[seed], **settings)[0]
        for prompt, seed in zip(prompts, seeds, strict=True)
    ]
    assert batch == alone
    assert sample(real_model, prompts[::-1], num=30, seeds=seeds[::-1], **settings) == batch[::-1]


def test_a_stop_token_changes_no_other_sequence(real_model: Any) -> None:
    free = sample(real_model, num=40)
    end = free[0][5]
    stopped = Sampling()(real_model, PROMPTS, Rules(40, stop_tokens=(end,)), seeds=SEEDS)
    assert stopped == [row[: row.index(end)] if end in row else row for row in free]


def test_frequencies_follow_the_models_probabilities(model: Any) -> None:
    count = 4_000
    drawn = sample(model, [[1, 2]] * count, num=1, seeds=range(count))
    frequencies = torch.tensor(drawn)[:, 0].bincount(minlength=11) / count
    with torch.no_grad():
        expected = model.eval().logits(model(torch.tensor([[1, 2]])))[0, -1].softmax(-1)
    torch.testing.assert_close(frequencies, expected, atol=0.03, rtol=0)


def test_filters_apply(model: nn.Module) -> None:
    best = sample(model, temperature=0)
    for setting in ({"top_k": 1}, {"top_p": 1e-6}, {"min_p": 1.0}):
        assert sample(model, **setting) == best


@pytest.mark.parametrize(
    ("name", "value"), [("temperature", -1.0), ("top_k", 0), ("top_p", 2.0), ("repetition_penalty", 0.0)]
)
def test_a_setting_out_of_range_is_told_before_anything_is_decoded(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name}={value}"):
        Sampling(**{name: value})  # type: ignore[arg-type]


def test_streamed_tokens_are_the_same(model: nn.Module) -> None:
    steps = list(Sampling().stream(model, PROMPTS, Rules(8), seeds=SEEDS))
    assert len(steps) == 8
    assert collect(steps, 2) == sample(model)


def test_training_notices_nothing(model: Any) -> None:
    model.train()
    model.output.eval()  # As frozen parts are.
    modes = [module.training for module in model.modules()]
    state = torch.get_rng_state()
    sample(model, seeds=None)
    assert torch.equal(torch.get_rng_state(), state)
    assert [module.training for module in model.modules()] == modes
    assert torch.is_grad_enabled()


def test_modes_come_back_when_nobody_reads_on(model: Any) -> None:
    model.train()
    stream = Sampling().stream(model, PROMPTS, Rules(8))
    next(stream)
    assert not model.training and torch.is_grad_enabled()
    stream.close()  # type: ignore[attr-defined]
    assert model.training
