"""Low-rank adapters of several tasks on one model: each task's matrices beside those that all share.

peft keeps several named adapters in a layer, and its layers read with those that are active. Its own
`set_adapter` would also decide what trains; here all do, at any time, so that an optimizer, DDP and a
checkpoint see the same parameters whichever task is read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from torch import nn

from gpt_exp.adapter.lora import is_adapted, is_low_rank
from gpt_exp.adapter.trainable import hosted_heads

USE = "use_adapter_of"  # gpt_exp.interfaces.AdaptedToTasks


class Switch:
    """Lets a model read with a task's own matrices; with none for a task that has none."""

    def __init__(self, layers: Sequence[Any], tasks: Collection[str]) -> None:
        self.layers, self.tasks = list(layers), frozenset(tasks)
        self.task: str | None = None
        self._activate()

    def __call__(self, task: str) -> None:
        if task != self.task:
            self.task = task
            self._activate()

    def active(self) -> list[str]:
        return [self.task] if self.task in self.tasks else []

    def _activate(self) -> None:
        for layer in self.layers:
            layer._active_adapter = self.active()  # A layer passes over a name that it has no matrices of.


def adapt(model: nn.Module, adapters: Mapping[str, Callable[..., None]]) -> None:
    """Give the model each task's own adapter; what trains of the model itself stays as it is.

    ValueError for an adapter that can't be, and where the whole model has low-rank matrices.
    """
    if not adapters:
        return
    if is_adapted(model):
        raise ValueError(f"adapter: low-rank on the whole model, and tasks.{min(adapters)} has its own")
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for name, adapter in adapters.items():
        try:
            adapter(model, name=name)
        except ValueError as error:
            raise ValueError(f"tasks.{name}.{error}") from None
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(is_low_rank(name))
    for parameter in trained:
        parameter.requires_grad_(True)
    setattr(model, USE, Switch([m for m in model.modules() if hasattr(m, "base_layer")], adapters))


def has_several(model: nn.Module) -> bool:
    """Whether tasks have adapters of their own in this model."""
    return hasattr(model, USE)


def check_all_learn(model: nn.Module, adapters: Collection[str], tasks: Collection[str]) -> None:
    """ValueError for a task of which nothing would train."""
    heads = hosted_heads(model) or {}
    shared = [n for n, p in model.named_parameters() if p.requires_grad and not _is_of_a_task(n)]
    for name in () if shared else tasks:
        if name not in adapters and name not in heads:
            raise ValueError(
                f"tasks.{name}: nothing of it would learn: the model is frozen, and it has no heads; "
                f"give it one of /adapter@tasks.{name}.adapter: lora"
            )


def _is_of_a_task(name: str) -> bool:
    return name.startswith("heads.") or is_low_rank(name)
