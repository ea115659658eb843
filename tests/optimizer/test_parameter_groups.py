"""Decay falls on matrices only, in an order that a checkpoint can rely on."""

from torch import nn

from gpt_exp.optimizer.parameter_groups import parameter_groups


def test_only_matrices_decay(model: nn.Module) -> None:
    decayed, kept = parameter_groups(model, 0.1)
    assert (decayed["weight_decay"], kept["weight_decay"]) == (0.1, 0.0)
    assert {p.ndim for p in decayed["params"]} == {2}
    assert {p.ndim for p in kept["params"]} == {1}
    assert len(decayed["params"]) + len(kept["params"]) == len(list(model.parameters()))


def test_order_is_the_models(model: nn.Module) -> None:
    decayed, _ = parameter_groups(model, 0.1)
    assert [id(p) for p in decayed["params"]] == [id(p) for p in model.parameters() if p.ndim == 2]


def test_frozen_parameters_are_left_out(model: nn.Module) -> None:
    model.get_submodule("blocks").requires_grad_(False)
    trained = [p for group in parameter_groups(model, 0.1) for p in group["params"]]
    assert {id(p) for p in trained}.isdisjoint(id(p) for p in model.get_submodule("blocks").parameters())


def test_tied_weights_are_trained_once(model: nn.Module) -> None:
    model.get_submodule("output").weight = model.get_submodule("embedding").weight
    trained = [id(p) for group in parameter_groups(model, 0.1) for p in group["params"]]
    assert len(trained) == len(set(trained))


def test_a_model_without_biases_has_one_group() -> None:
    assert len(parameter_groups(nn.Linear(2, 2, bias=False), 0.1)) == 1
