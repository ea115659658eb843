"""Layer-wise decay: how fast each layer learns, and that nothing else changes."""

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

SHAPE = {"vocab_size": 16, "context_length": 16, "num_layers": 3, "num_heads": 2, "embedding_dim": 8}
FACTORIES = [
    partial(adamw, lr=0.5),
    partial(muon, lr=0.5, adamw_lr=0.5),
    partial(torch.optim.SGD, lr=0.5, momentum=0.9, weight_decay=0.1),
    partial(torch.optim.Rprop, lr=0.5),
]


def by_name(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, dict]:
    """Each parameter's group, without the parameters."""
    settings = {}
    for group in optimizer.param_groups:
        others = {key: value for key, value in group.items() if key != "params"}
        settings |= {id(parameter): others for parameter in group["params"]}
    return {name: settings[id(parameter)] for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("factory", FACTORIES, ids=lambda factory: factory.func.__name__)
@pytest.mark.parametrize("make", [GPT2, Llama], ids=lambda make: make.__name__)
def test_each_layer_learns_slower_than_the_one_above_it(make, factory):
    model = make(**SHAPE)
    model.heads = nn.ModuleDict({"label": nn.Sequential(nn.Linear(8, 3), nn.Embedding(3, 2))})
    before = by_name(model, build_optimizer(factory, model))
    optimizer = build_optimizer(factory, model)
    decay_by_layer(optimizer, model, 0.5)
    expected = {
        "token_embedding": 0.5**4,
        "position_embedding": 0.5**4,
        "blocks.0": 0.5**3,
        "blocks.1": 0.5**2,
        "blocks.2": 0.5,
        "final_norm": 1.0,
        "head.": 1.0,
        "heads": 1.0,
    }
    for name, after in by_name(model, optimizer).items():
        (scale,) = (scale for start, scale in expected.items() if name.startswith(start))
        assert after == before[name] | {"lr": 0.5 * scale}, name
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(list(model.parameters()))


@pytest.mark.parametrize("factory", FACTORIES[:3], ids=lambda factory: factory.func.__name__)
def test_a_step_moves_a_layer_by_its_own_rate(factory, model):
    """Of two optimizers with equal gradients, the decayed one moves the lower block a quarter as far."""
    start = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    moved = []
    for factor in (1.0, 0.5):
        model.load_state_dict(start)
        optimizer = build_optimizer(factory, model)
        decay_by_layer(optimizer, model, factor)
        scheduler = LambdaLR(optimizer, lambda step: 0.1)
        model.zero_grad()
        model(torch.arange(16)).square().mean().backward()
        optimizer.step()
        scheduler.step()
        moved.append({name: parameter.detach() - start[name] for name, parameter in model.named_parameters()})
    plain, decayed = moved
    for name, scale in {"embedding.weight": 0.125, "blocks.0.1.weight": 0.25, "output.weight": 1.0}.items():
        torch.testing.assert_close(decayed[name], plain[name] * scale, rtol=1e-4, atol=1e-6)


def test_a_factor_of_one_leaves_the_groups_alone(model):
    optimizer = adamw(model, lr=0.1)
    groups = [(id(group), [id(p) for p in group["params"]], group["lr"]) for group in optimizer.param_groups]
    decay_by_layer(optimizer, model, 1.0)
    now = [(id(group), [id(p) for p in group["params"]], group["lr"]) for group in optimizer.param_groups]
    assert now == groups


@pytest.mark.parametrize("factor", [0.0, -0.5, 1.5])
def test_an_impossible_factor_is_refused(factor, model):
    with pytest.raises(ValueError, match=f"decay={factor} must be above 0 and at most 1"):
        decay_by_layer(adamw(model, lr=0.1), model, factor)
