"""Each task's own gradient of a step, for what their sum does not tell."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn


class TaskGradients:
    """The gradients of the tasks' mean losses over one step by all weights that train, a row for each task.

    In memory and on the wire they take as much as so many models: fp32, or what is more exact.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], num_tasks: int) -> None:
        self.parameters = list(parameters)
        self._sizes = [p.numel() for p in self.parameters]
        first = self.parameters[0]
        self.rows = torch.zeros(  # (tasks, num_parameters)
            num_tasks,
            sum(self._sizes),
            dtype=torch.promote_types(first.dtype, torch.float32),
            device=first.device,
        )
        self._used = torch.zeros(num_tasks, len(self.parameters))  # Above 0: the task's loss depends on it.

    def add(self, losses: Mapping[int, Tensor]) -> None:
        """Differentiate what a micro-batch adds to the tasks' mean losses, by their places.

        Their graphs have no nodes in common, so all of it costs what a backward pass of the sum does. (Those
        of autocast, which casts a weight once for all tasks, keep no tensors that a pass would free.)
        """
        for place, loss in losses.items():
            if not loss.requires_grad:  # Nothing trains that the task has a part in.
                continue
            found = torch.autograd.grad(loss, self.parameters, allow_unused=True)
            parts, used = self._parts(self.rows[place]), [i for i, g in enumerate(found) if g is not None]
            torch._foreach_add_([parts[i] for i in used], [found[i] for i in used])
            self._used[place, used] = 1

    def gather(self, strategy: Any) -> None:
        """Add up those of all devices."""
        self.rows = strategy.reduce(self.rows, reduce_op="sum")
        self._used = strategy.reduce(self._used.to(self.rows.device), reduce_op="sum").cpu()

    def norms(self, parameters: Collection[nn.Parameter]) -> Tensor:
        """`(tasks,)`, by these weights alone."""
        chosen = {id(p) for p in parameters}
        parts = zip(self.parameters, self.rows.split(self._sizes, dim=1), strict=True)
        squares = [part.square().sum(1) for p, part in parts if id(p) in chosen]
        return torch.stack(squares).sum(0).sqrt()

    def cosines(self) -> Tensor:
        """Of each two tasks' gradients by the weights that both use `(tasks, tasks)`, NaN where one is 0.

        So no head has a part in it, nor has an output table where one of the two writes nothing.
        """
        used = (self._used > 0).T
        both = used[:, :, None] & used[:, None, :]  # (tensors, tasks, tasks)
        products = self._products()
        shared = torch.where(both, products, 0).sum(0)
        own = products.diagonal(dim1=1, dim2=2)[:, :, None]
        squares = torch.where(both, own, 0).sum(0)  # Of the row's task, by what the column's uses, too.
        return (shared / (squares.sqrt() * squares.T.sqrt())).clamp(-1, 1)

    def put(self, gradient: Tensor) -> None:
        """Give the weights this gradient `(num_parameters,)`; those that no loss depends on have None."""
        used = (self._used > 0).any(0).tolist()
        for parameter, part, is_used in zip(self.parameters, self._parts(gradient), used, strict=True):
            parameter.grad = part.to(parameter.dtype) if is_used else None

    def _products(self) -> Tensor:
        """Inner products by each tensor of weights, `(tensors, tasks, tasks)` float64 on the CPU.

        No matrix products: autocast or TF32 would round them.
        """
        parts = self.rows.split(self._sizes, dim=1)
        found = [torch.stack([(part * row).sum(1) for row in part]) for part in parts]
        return torch.stack(found).cpu().double()

    def _parts(self, row: Tensor) -> list[Tensor]:
        parts = zip(self.parameters, row.split(self._sizes), strict=True)
        return [part.view_as(parameter) for parameter, part in parts]
