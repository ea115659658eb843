"""Several tasks' low-rank matrices on one model: each is read and learns by its own task alone."""

import copy
from functools import partial

import pytest
import torch
from made_runs import moved
from torch import nn

from gpt_exp.adapter.frozen import frozen
from gpt_exp.adapter.full import full
from gpt_exp.adapter.last_layers import last_layers
from gpt_exp.adapter.lora import lora
from gpt_exp.adapter.low_rank import merge
from gpt_exp.adapter.per_task import adapt, check_all_learn
from gpt_exp.optimizer.adamw import adamw
from gpt_exp.optimizer.build import build_optimizer
from gpt_exp.task.several import TaskModel

OWN = {"first": partial(lora, rank=2), "second": partial(lora, rank=3, targets=["mlp.up"], dora=True)}


@pytest.fixture
def adapted(model):
    """A frozen model with matrices of two tasks, none of which is 0 any more."""
    frozen(model)
    adapt(model, OWN)
    return moved(model, seed=2)


def loss(model, task, text):
    seen = TaskModel(model, task)
    return model.loss(seen(text[:, :-1]), text[:, 1:]).total


def gradients(model, loss):
    model.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("again", [False, True])
def test_a_task_s_matrices_learn_from_its_own_loss_alone(family, text, again):
    """Also where activations are made again, when other tasks were read in between."""
    torch.manual_seed(0)
    sizes = {"vocab_size": 16, "context_length": 12, "num_layers": 3, "num_heads": 2, "embedding_dim": 8}
    model = family(**sizes, activation_checkpointing=again)
    adapt(model, OWN)
    moved(model, seed=2)
    alone = {task: gradients(model, loss(model, task, text)) for task in ("first", "second", "third")}
    together = gradients(model, loss(model, "first", text) + loss(model, "second", text))
    for task in OWN:
        own = {name for name in together if f".{task}." in name}
        assert own and own <= alone[task].keys()
        assert not any(own & alone[other].keys() for other in alone if other != task)
        assert all(torch.equal(together[name], alone[task][name]) for name in own)
    shared = [name for name in together if ".lora_" not in name]
    assert "blocks.0.mlp.up.base_layer.weight" in shared
    for name in shared:
        torch.testing.assert_close(together[name], alone["first"][name] + alone["second"][name])
    assert not any(".lora_" in name for name in alone["third"])


@torch.no_grad()
def test_a_task_does_not_see_what_the_others_have(adapted, model, text):
    before = {task: TaskModel(adapted, task)(text) for task in ("first", "second", "third")}
    assert not any(torch.allclose(before["first"], before[other]) for other in ("second", "third"))
    for name, parameter in adapted.named_parameters():
        if ".first." in name:
            parameter += 1
    after = {task: TaskModel(adapted, task)(text) for task in before}
    assert not torch.allclose(after["first"], before["first"])
    assert torch.equal(after["second"], before["second"]) and torch.equal(after["third"], before["third"])


@torch.no_grad()
@pytest.mark.parametrize("task", ["first", "second", "third"])
def test_merged_logits_are_those_of_before(adapted, task, text):
    expected = adapted.logits(TaskModel(adapted, task)(text))
    names = set(copy.deepcopy(adapted).state_dict())
    merge(adapted, task)
    torch.testing.assert_close(adapted.logits(adapted(text)), expected, rtol=0, atol=2e-5)
    assert {n.replace(".base_layer", "") for n in names if ".lora_" not in n} == set(adapted.state_dict())


@pytest.mark.parametrize("way", [frozen, full, partial(last_layers, num_layers=1)])
def test_what_trains_of_the_model_itself_is_as_it_was_said(model, text, way):
    way(model)
    said = {name for name, p in model.named_parameters() if p.requires_grad}
    adapt(model, OWN)
    trained = {n.replace(".base_layer", "") for n, p in model.named_parameters() if p.requires_grad}
    assert {name for name in trained if ".lora_" not in name} == said
    assert all(p.requires_grad for n, p in model.named_parameters() if ".lora_" in n)
    optimizer = build_optimizer(lambda model: adamw(model, lr=0.1), model)
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert held == {id(p) for p in model.parameters() if p.requires_grad}


def test_what_cannot_be_is_told(model):
    with pytest.raises(ValueError, match=r"tasks.first.adapter.rank=0 must be at least 1"):
        adapt(copy.deepcopy(model), {"first": partial(lora, rank=0)})
    with pytest.raises(ValueError, match=r"tasks.b.adapter.targets: .* 'upp'; it has attention"):
        adapt(copy.deepcopy(model), {"a": partial(lora), "b": partial(lora, targets=["upp"])})
    lora(model)
    with pytest.raises(ValueError, match=r"adapter: low-rank on the whole model, and tasks.first has"):
        adapt(model, OWN)


def test_a_task_of_which_nothing_would_learn_is_told(model):
    model.heads = nn.ModuleDict({"headed": nn.Linear(8, 3)})
    check_all_learn(model, (), ["headed", "third"])
    frozen(model)
    adapt(model, OWN)
    check_all_learn(model, OWN, ["headed", *OWN])
    with pytest.raises(ValueError, match=r"tasks.third: nothing of it .*@tasks.third.adapter: lora"):
        check_all_learn(model, OWN, ["headed", "third", *OWN])
