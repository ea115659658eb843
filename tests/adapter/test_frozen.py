"""What each way to adapt a model lets train."""

import pytest
from torch import nn

from gpt_exp.adapter.full import full
from gpt_exp.adapter.head import head
from gpt_exp.adapter.last_layers import last_layers
from gpt_exp.adapter.trainable import trainable_parameters
from gpt_exp.optimizer.adamw import adamw
from gpt_exp.optimizer.build import build_optimizer


def trained(model: nn.Module) -> set[str]:
    """The two first parts of the names of what trains."""
    return {".".join(n.split(".")[:2]) for n, p in model.named_parameters() if p.requires_grad}


def test_all_trains_again_after_anything_else(model):
    head(model)
    full(model)
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert len(set(trainable_parameters(model))) == 1


def test_a_probe_learns_by_its_head_alone(model, text):
    head(model)
    assert trained(model) == {"heads.label"}
    assert trainable_parameters(model) == (8 * 3 + 3, sum(p.numel() for p in model.parameters()))
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimizer = build_optimizer(lambda model: adamw(model, lr=0.1), model)
    model.heads["label"](model(text)).square().mean().backward()
    optimizer.step()
    changed = {name for name, parameter in model.named_parameters() if not parameter.equal(before[name])}
    assert changed == {"heads.label.weight", "heads.label.bias"}
    assert set(optimizer.state) == set(model.heads.parameters())


@pytest.mark.parametrize("heads", [None, nn.ModuleDict()])
def test_a_probe_needs_a_head(model, heads):
    del model.heads
    if heads is not None:
        model.heads = heads
    with pytest.raises(ValueError, match="this task has none"):
        head(model)


def test_the_last_layers_train_with_norm_and_heads(model, text):
    last_layers(model, num_layers=2)
    norm = {"final_norm.weight", "final_norm.bias"} & {name for name, _ in model.named_parameters()}
    assert trained(model) == {"blocks.1", "blocks.2", "heads.label", *norm}
    model.loss(model(text[:, :-1]), text[:, 1:]).total.backward()
    assert model.blocks[1].mlp.up.weight.grad.any()
    assert model.blocks[0].mlp.up.weight.grad is None and model.token_embedding.weight.grad is None


def test_the_last_layers_of_a_model_without_heads(family, model):
    del model.heads
    last_layers(model, num_layers=3)
    assert {"blocks.0", "blocks.1", "blocks.2"} < trained(model)
    assert not model.token_embedding.weight.requires_grad


@pytest.mark.parametrize("num_layers", [0, 4])
def test_layers_that_are_not_there_are_refused(model, num_layers):
    with pytest.raises(ValueError, match=rf"num_layers={num_layers} must be from 1 to 3"):
        last_layers(model, num_layers=num_layers)
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_a_tied_table_counts_once():
    embedding, output = nn.Embedding(4, 2), nn.Linear(2, 4, bias=False)
    output.weight = embedding.weight
    assert trainable_parameters(nn.ModuleList([embedding, output])) == (8, 8)
    assert trainable_parameters(nn.ModuleList([embedding, output]).requires_grad_(False)) == (0, 8)
