"""Any torch.optim class works by YAML alone."""

from functools import partial

import pytest
import torch
from torch import nn

from gpt_exp.optimizer.adamw import adamw
from gpt_exp.optimizer.build import build_optimizer


def test_a_factory_gets_the_model(model: nn.Module) -> None:
    optimizer = build_optimizer(partial(adamw, lr=0.1), model)
    assert isinstance(optimizer, torch.optim.AdamW)
    assert optimizer.param_groups[0]["lr"] == 0.1


@pytest.mark.parametrize(
    "kind", [torch.optim.SGD, torch.optim.Adafactor, torch.optim.RMSprop, torch.optim.NAdam]
)
def test_a_torch_class_decays_matrices_only(kind: type[torch.optim.Optimizer], model: nn.Module) -> None:
    optimizer = build_optimizer(partial(kind, lr=0.1, weight_decay=0.2), model)
    assert type(optimizer) is kind
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.2, 0.0]
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.1]


def test_a_class_without_weight_decay_is_given_none(model: nn.Module) -> None:
    optimizer = build_optimizer(partial(torch.optim.Rprop, lr=0.1), model)
    assert len(optimizer.param_groups) == 1
    assert "weight_decay" not in optimizer.param_groups[0]


def test_a_wrong_setting_is_named(model: nn.Module) -> None:
    with pytest.raises(TypeError, match="momentun"):
        build_optimizer(partial(torch.optim.SGD, lr=0.1, momentun=0.9), model)
