"""Learning rates by width: what every parameter is given, by a table made by hand."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from gpt_exp.model.gpt2 import GPT2
from gpt_exp.model.llama import Llama
from gpt_exp.optimizer.adamw import adamw
from gpt_exp.optimizer.build import build_optimizer
from gpt_exp.optimizer.layer_decay import decay_by_layer
from gpt_exp.optimizer.muon import muon
from gpt_exp.optimizer.width import scale_by_width

SIZES = {"vocab_size": 16, "context_length": 16, "num_layers": 2, "num_heads": 2, "embedding_dim": 32}
FOUR_TIMES = {"parametrization": "maximal_update", "base_width": 8, "base_head_dim": 4}
HALF = {"parametrization": "maximal_update", "base_width": 64, "base_head_dim": 32}
# Learning rate and weight decay of a network four times as wide, settings 0.4 and 0.1.
HIDDEN, TABLE, VECTOR = (0.1, 0.4), (0.4, 0.1), (0.4, 0.0)
GPT2_ADAMW = {
    "token_embedding.weight": TABLE,
    "position_embedding.weight": TABLE,
    "attention_norm.weight": VECTOR,
    "attention_norm.bias": VECTOR,
    "attention.query_key_value.weight": HIDDEN,
    "attention.query_key_value.bias": VECTOR,
    "attention.output.weight": HIDDEN,
    "attention.output.bias": VECTOR,
    "mlp_norm.weight": VECTOR,
    "mlp_norm.bias": VECTOR,
    "mlp.up.weight": HIDDEN,
    "mlp.up.bias": VECTOR,
    "mlp.down.weight": HIDDEN,
    "mlp.down.bias": VECTOR,
    "final_norm.weight": VECTOR,
    "final_norm.bias": VECTOR,
}
LLAMA_ADAMW = {
    "token_embedding.weight": TABLE,
    "head.weight": TABLE,
    "attention_norm.weight": VECTOR,
    "attention.query_key_value.weight": HIDDEN,
    "attention.query_norm.weight": VECTOR,
    "attention.key_norm.weight": VECTOR,
    "attention.output.weight": HIDDEN,
    "mlp_norm.weight": VECTOR,
    "mlp.gate.weight": HIDDEN,
    "mlp.up.weight": HIDDEN,
    "mlp.down.weight": HIDDEN,
    "final_norm.weight": VECTOR,
}


def settings(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, tuple[float, float]]:
    """Learning rate and weight decay by the parameter's name."""
    found = {
        id(parameter): (group["lr"], group["weight_decay"])
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(found)
    return {name: found[id(parameter)] for name, parameter in model.named_parameters()}


def expected(model: nn.Module, table: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    return {
        name: table[name.split(".", 2)[2] if "blocks." in name else name]
        for name, _ in model.named_parameters()
    }


FAMILIES = [(GPT2, GPT2_ADAMW), (partial(Llama, qk_norm=True), LLAMA_ADAMW)]


@pytest.mark.parametrize("family, table", FAMILIES, ids=["gpt2", "llama"])
@pytest.mark.parametrize("factory", [adamw, torch.optim.AdamW], ids=["ours", "torch's"])
def test_adamws_settings_are_those_of_the_table(family, table, factory):
    model = family(**SIZES, **FOUR_TIMES)
    optimizer = build_optimizer(partial(factory, lr=0.4, weight_decay=0.1), model)
    assert settings(model, optimizer) == expected(model, table)
    assert optimizer.param_groups[0]["lr"] == 0.4  # What a log shows.


@pytest.mark.parametrize("family, table", FAMILIES, ids=["gpt2", "llama"])
def test_muons_settings_are_the_same_at_every_width(family, table):
    model = family(**SIZES, **FOUR_TIMES)
    optimizer = build_optimizer(partial(muon, lr=0.02, adamw_lr=0.4, weight_decay=0.1), model)
    assert settings(model, optimizer) == expected(
        model,
        {**table, **dict.fromkeys([name for name, value in table.items() if value is HIDDEN], (0.02, 0.1))},
    )


def test_a_narrower_network_learns_faster():
    model = GPT2(**SIZES, **HALF)
    optimizer = build_optimizer(partial(adamw, lr=0.4, weight_decay=0.1), model)
    found = settings(model, optimizer)
    assert found["blocks.0.mlp.up.weight"] == (0.8, 0.05)
    assert found["token_embedding.weight"] == (0.4, 0.1)
    assert optimizer.param_groups[0]["lr"] == 0.4


def test_first_steps_are_as_long_as_their_learning_rates():
    """Adam's first step is the learning rate, whatever the gradient."""
    model = GPT2(**SIZES, **FOUR_TIMES)
    start = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimizer = build_optimizer(partial(adamw, lr=0.4, weight_decay=0.0), model)
    scheduler = LambdaLR(optimizer, lambda step: 0.5)
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 3.0)
    optimizer.step()
    scheduler.step()
    for name, parameter in model.named_parameters():
        length = 0.5 * expected(model, GPT2_ADAMW)[name][0]
        torch.testing.assert_close(start[name] - parameter, torch.full_like(parameter, length))


def test_layers_decay_from_the_width_s_learning_rates():
    model = GPT2(**SIZES, **FOUR_TIMES)
    optimizer = build_optimizer(partial(adamw, lr=0.4), model)
    decay_by_layer(optimizer, model, 0.5)
    found = settings(model, optimizer)
    assert found["blocks.1.mlp.up.weight"] == (0.05, 0.4)
    assert found["blocks.0.mlp.up.weight"] == (0.025, 0.4)
    assert found["final_norm.weight"] == (0.4, 0.0)


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adafactor, torch.optim.Adam])
def test_an_optimizer_without_a_rule_is_refused(kind):
    with pytest.raises(ValueError, match=f"scales adamw and muon, not {kind.__name__}; take one of them"):
        build_optimizer(partial(kind, lr=0.1), GPT2(**SIZES, **FOUR_TIMES))


def test_a_model_that_says_nothing_of_widths_keeps_its_groups(model):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    groups = [id(group) for group in optimizer.param_groups]
    scale_by_width(optimizer, model)
    assert [id(group) for group in optimizer.param_groups] == groups
