"""From a configured factory and a model to an optimizer."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from gpt_exp.interfaces import OptimizerFactory
from gpt_exp.optimizer.parameter_groups import parameter_groups
from gpt_exp.optimizer.width import scale_by_width


def build_optimizer(
    factory: OptimizerFactory | partial[torch.optim.Optimizer], model: nn.Module
) -> torch.optim.Optimizer:
    """Call a factory that takes the model; a plain `torch.optim` class gets parameter groups instead.

    Such a class decays what `parameter_groups` says where the configuration names a `weight_decay`. Learning
    rates are those of the model's width: `scale_by_width`.
    """
    optimizer = _build(factory, model)
    scale_by_width(optimizer, model)
    return optimizer


def _build(
    factory: OptimizerFactory | partial[torch.optim.Optimizer], model: nn.Module
) -> torch.optim.Optimizer:
    if not _is_optimizer_class(factory):
        return factory(model)
    assert isinstance(factory, partial)
    settings = dict(factory.keywords)
    weight_decay = settings.pop("weight_decay", None)
    if weight_decay is None:
        return factory.func([p for p in model.parameters() if p.requires_grad], **settings)
    return factory.func(parameter_groups(model, weight_decay), **settings)


def _is_optimizer_class(factory: object) -> bool:
    target = getattr(factory, "func", None)
    return isinstance(target, type) and issubclass(target, torch.optim.Optimizer)
