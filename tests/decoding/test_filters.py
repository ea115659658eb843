"""Filters are transformers', and keep what their papers say."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import generation

from gpt_exp.decoding.filters import keep_best, keep_min_p, keep_top_k, keep_top_p, narrow


@pytest.fixture
def logits() -> Tensor:
    return 3 * torch.randn(5, 40, generator=torch.Generator().manual_seed(0))


def kept(logits: Tensor) -> Tensor:
    return logits > -math.inf


@pytest.mark.parametrize("k", [1, 3, 40, 100])
def test_top_k_is_transformers(logits: Tensor, k: int) -> None:
    assert torch.equal(keep_top_k(logits, k), generation.TopKLogitsWarper(k)(None, logits))


@pytest.mark.parametrize("p", [0.01, 0.5, 0.9, 0.99])
def test_top_p_is_transformers(logits: Tensor, p: float) -> None:
    assert torch.equal(keep_top_p(logits, p), generation.TopPLogitsWarper(p)(None, logits))


@pytest.mark.parametrize("p", [0.0, 0.05, 0.5, 1.0])
def test_min_p_is_transformers(logits: Tensor, p: float) -> None:
    assert torch.equal(keep_min_p(logits, p), generation.MinPLogitsWarper(p)(None, logits))


def test_all_together_are_transformers(logits: Tensor) -> None:
    theirs = generation.TemperatureLogitsWarper(0.7)(None, logits)
    for warper in (
        generation.TopKLogitsWarper(20),
        generation.TopPLogitsWarper(0.95),
        generation.MinPLogitsWarper(0.02),
    ):
        theirs = warper(None, theirs)
    assert torch.equal(narrow(logits, temperature=0.7, top_k=20, top_p=0.95, min_p=0.02), theirs)


def test_top_p_keeps_the_fewest_that_reach_p(logits: Tensor) -> None:
    probabilities = logits.softmax(-1)
    for row, mask in zip(probabilities, kept(keep_top_p(logits, 0.8)), strict=True):
        assert row[mask].sum() >= 0.8
        assert row[mask].sum() - row[mask].min() < 0.8


def test_temperature_zero_keeps_the_best(logits: Tensor) -> None:
    alone = narrow(logits, temperature=0, top_k=None, top_p=None, min_p=None)
    assert torch.equal(alone.softmax(-1).argmax(-1), logits.argmax(-1))
    assert torch.equal(kept(alone).sum(-1), torch.ones(5, dtype=torch.long))


def test_of_equal_bests_one_is_kept() -> None:
    assert kept(keep_best(torch.zeros(2, 4))).sum() == 2


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize(
    "setting", [{"temperature": -1.0}, {"top_k": 0}, {"top_p": 0.0}, {"top_p": 1.5}, {"min_p": -0.1}]
)
def test_what_is_out_of_range_is_named(logits: Tensor, setting: dict[str, Any], temperature: float) -> None:
    ((name, value),) = setting.items()
    with pytest.raises(ValueError, match=f"{name}={value}"):
        narrow(logits, **{"temperature": temperature, "top_k": None, "top_p": None, "min_p": None, **setting})
