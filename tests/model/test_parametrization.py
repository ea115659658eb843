"""Maximal-update parametrisation: the standard one at the base, table 8 of arXiv:2203.03466 away from it."""

import math
from functools import partial

import pytest
import torch
from torch import nn

from gpt_exp.adapter.lora import lora
from gpt_exp.model.attention import attend, attend_with_dropout
from gpt_exp.model.dropout import LEVELS
from gpt_exp.model.gpt2 import GPT2
from gpt_exp.model.heads import host
from gpt_exp.model.llama import Llama
from gpt_exp.optimizer.adamw import adamw
from gpt_exp.optimizer.build import build_optimizer
from gpt_exp.optimizer.muon import muon

SIZES = {"vocab_size": 200, "context_length": 16, "num_layers": 2, "num_heads": 4, "embedding_dim": 64}
MAXIMAL = {"parametrization": "maximal_update", "base_width": 64, "base_head_dim": 16}
WIDE = {**MAXIMAL, "base_width": 16, "base_head_dim": 4}  # Four times as wide as its base.
FAMILIES = {
    "gpt2": partial(GPT2, **SIZES, dropout=0.1),
    "llama": partial(Llama, **SIZES, dropout=0.1),
    "llama-tied-qk-norm": partial(Llama, **SIZES, dropout=0.1, tied=True, qk_norm=True),
}


@pytest.fixture(params=FAMILIES)
def make(request):
    return FAMILIES[request.param]


def trained(model: nn.Module, factory, steps: int = 3) -> tuple[list[float], list[dict]]:
    """Losses, and the optimizer's groups without their parameters."""
    optimizer, losses = build_optimizer(factory, model), []
    torch.manual_seed(1)
    for _ in range(steps):
        tokens = torch.randint(200, (2, 17))
        loss = model.loss(model(tokens[:, :-1]), tokens[:, 1:])
        loss.total.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.total.item())
    groups = optimizer.param_groups
    return losses, [{**group, "params": len(group["params"])} for group in groups]


@pytest.mark.parametrize("factory", [partial(adamw, lr=0.01), muon, partial(torch.optim.SGD, lr=0.01)])
def test_at_the_base_every_bit_is_that_of_the_standard_parametrisation(make, factory):
    models = []
    for changes in ({}, MAXIMAL):
        torch.manual_seed(0)
        models.append(make(**changes))
    assert trained(models[0], factory) == trained(models[1], factory)
    standard, maximal = (model.state_dict() for model in models)
    assert standard.keys() == maximal.keys()
    assert all(torch.equal(standard[name], maximal[name]) for name in standard)
    assert models[0].shape == models[1].shape


def test_first_weights_are_smaller_in_the_blocks_alone(make):
    torch.manual_seed(0)
    standard = make()
    torch.manual_seed(0)
    wide = make(**WIDE)
    weights = dict(wide.named_parameters())
    for name, weight in standard.named_parameters():
        ratio = 0.5 if name.startswith("blocks.") and weight.ndim == 2 else 1.0
        torch.testing.assert_close(weights[name], ratio * weight, rtol=1e-6, atol=0)


def test_the_ratio_is_stated_of_every_matrix_in_the_blocks_and_of_nothing_else(make):
    model = make(**WIDE)
    inside = {name for name, p in model.named_parameters() if name.startswith("blocks.") and p.ndim == 2}
    assert model.fan_in_ratios() == dict.fromkeys(inside, 4.0)
    assert make().fan_in_ratios() == {}


def test_what_is_read_from_the_final_states_is_a_quarter(make):
    """Of equal weights: logits of the table, tied or not, and a task's head."""
    torch.manual_seed(0)
    standard, wide = make(zero_init_residual=True).eval(), make(**WIDE, zero_init_residual=True).eval()
    wide.load_state_dict(standard.state_dict())
    tokens = torch.arange(16)[None]
    hidden = wide(tokens)  # Blocks are the identity: attention has no part in it.
    torch.testing.assert_close(hidden, standard(tokens) / 4)
    torch.testing.assert_close(wide.logits(hidden), standard.logits(standard(tokens)) / 4)
    expected = nn.functional.cross_entropy(wide.logits(hidden)[0], tokens[0], reduction="sum")
    torch.testing.assert_close(wide.loss(hidden, tokens).total, expected)


def test_scores_are_divided_by_the_heads_width(make):
    model = make(**WIDE)
    assert model.shape.attention_scale == math.sqrt(4) / 16  # sqrt(base_head_dim) / head_dim: 1/2 at 4.
    assert all(block.attention.scale == 0.125 for block in model.blocks)
    assert make(**WIDE | {"base_head_dim": 16}).shape.attention_scale is None  # Heads of one width: 1 / 4.


def test_the_attention_of_a_model_uses_that_scale(make):
    """With a root of 1/4 where it is 1/8, queries of half the size give the same."""
    torch.manual_seed(0)
    wide, standard = make(**WIDE), make()
    with torch.no_grad():
        for parameter in wide.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
        standard.load_state_dict(wide.state_dict())
        for block in standard.blocks:
            for parameter in query_parameters(block.attention):
                parameter /= 2
    tokens = torch.randint(200, (2, 16))
    torch.testing.assert_close(wide.eval()(tokens), standard.eval()(tokens) / 4, rtol=1e-4, atol=1e-5)


def query_parameters(attention: nn.Module) -> list[torch.Tensor]:
    """What a query is linear in."""
    norms = list(getattr(attention, "query_norm", nn.Identity()).parameters())
    return norms or [parameter[:64] for parameter in attention.query_key_value.parameters()]


@pytest.mark.parametrize("masked", [False, True])
def test_attention_with_a_scale_is_the_formula(masked):
    torch.manual_seed(0)
    query, key, value = (torch.randn(2, heads, 6, 8) for heads in (4, 2, 2))
    mask = torch.ones(6, 6, dtype=torch.bool).tril()
    scores = 0.3 * query @ key.repeat_interleave(2, 1).mT
    expected = scores.masked_fill(~mask, -torch.inf).softmax(-1) @ value.repeat_interleave(2, 1)
    given = mask[None, None] if masked else None
    torch.testing.assert_close(attend(query, key, value, mask=given, dropout=0.0, scale=0.3), expected)
    mixed = sum(
        attend_with_dropout(query, key, value, mask=given, dropout=1 / LEVELS, scale=0.3) for _ in range(400)
    )
    torch.testing.assert_close(mixed / 400, expected, rtol=0.05, atol=0.05)


def test_a_low_rank_adapter_reads_the_width_with_its_first_matrix(make):
    pytest.importorskip("peft")
    model = make(**WIDE)
    host(model, {"label": lambda shape: nn.Linear(shape.embedding_dim, 3)})
    lora(model, rank=4)
    ratios = model.fan_in_ratios()
    trainable = {name for name, p in model.named_parameters() if p.requires_grad}
    assert {name for name in ratios if name in trainable} == {name for name in trainable if "lora_A" in name}
