"""Several tasks on one model: each sees its own heads, and its own examples of a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from torch import Tensor, nn

from gpt_exp.interfaces import AdaptedToTasks, Batch, Example, Model, RecordTask

HEADS = "heads"


class Several:
    """Tasks by name. A model hosts the heads of each under its name: `model.heads[task][head]`.

    Raises ValueError for a name that no module can have.
    """

    name = "several"

    def __init__(self, tasks: Mapping[str, RecordTask]) -> None:
        for name in tasks:
            if not name.isidentifier() or hasattr(nn.ModuleDict(), name):
                raise ValueError(f"tasks.{name}: no name for a task; a plain word does, such as translation")
        self.tasks = dict(tasks)
        self.heads: Mapping[str, Callable[[Any], nn.Module]] = {
            name: partial(_side_by_side, task.heads) for name, task in tasks.items() if task.heads
        }

    def collate(self, examples: Sequence[Example]) -> dict[str, Batch]:
        """A batch for each task that there are examples of, in the tasks' order."""
        groups = {name: [example for example in examples if example.task == name] for name in self.tasks}
        return {name: self.tasks[name].collate(group) for name, group in groups.items() if group}


def _side_by_side(heads: Mapping[str, Callable[[Any], nn.Module]], shape: Any) -> nn.ModuleDict:
    return nn.ModuleDict({name: make(shape) for name, make in heads.items()})


class TaskModel(nn.Module):
    """A model as one of several tasks sees it: with its heads by their own names, its adapter, and no others.

    It has no weights of its own, and is in whatever mode the model is in.
    """

    def __init__(self, model: Model, task: str) -> None:
        super().__init__()
        self.model, self.task = model, task
        hosted = getattr(model, HEADS, {})
        self.heads = hosted[task] if task in hosted else nn.ModuleDict()

    def forward(self, tokens: Tensor, **arguments: Any) -> Tensor:
        if not isinstance(self.model, AdaptedToTasks):
            return self.model(tokens, **arguments)
        self.model.use_adapter_of(self.task)
        hidden = self.model(tokens, **arguments)
        if hidden.requires_grad:  # The backward pass may make activations again, with the same adapter.
            hidden.register_hook(self._read_as_before)
        return hidden

    def _read_as_before(self, gradient: Tensor) -> None:
        """Autograd goes through one task's pass after another's, from the last to the first."""
        self.model.use_adapter_of(self.task)

    @property
    def training(self) -> bool:
        return self.model.training

    @training.setter
    def training(self, mode: bool) -> None:
        """Nothing: `train` and `eval` tell the model, too."""

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name == "model":  # It is not there yet.
                raise
            return getattr(self.model, name)
