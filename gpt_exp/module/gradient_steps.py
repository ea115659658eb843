"""The steps that take each task's gradient apart: which they are, and what comes of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import torch
from lightning.pytorch.strategies import Strategy
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from gpt_exp.interfaces import GradientBalancing, Model, NormBalancing
from gpt_exp.module.task_gradients import TaskGradients
from gpt_exp.run.cosines import KEY


class GradientSteps:
    """Every step where the balancing needs the tasks' gradients, and each n-th for their cosines.

    Norms are by those of the last block's weights that train, as in GradNorm's paper (arXiv:1711.02257).
    Raises ValueError for an n below 1, and where no such weights are left.
    """

    def __init__(
        self, balance: Any, names: Sequence[str], model: Model, *, cosine_every_n_steps: int | None
    ) -> None:
        every = f"module.cosine_every_n_steps={cosine_every_n_steps}"
        if cosine_every_n_steps is not None and cosine_every_n_steps < 1:
            raise ValueError(f"{every} must be at least 1")
        self._balance, self._names, self._every = balance, names, cosine_every_n_steps
        self._parameters = [p for p in model.parameters() if p.requires_grad]
        self._shared = [p for p in model.blocks[-1].parameters() if p.requires_grad]
        if not self._shared and (cosine_every_n_steps or isinstance(balance, NormBalancing)):
            wants = every if cosine_every_n_steps else f"balance: {type(balance).__name__}"
            raise ValueError(f"{wants} wants weights that tasks share, and the adapter leaves none to train")
        self._open: TaskGradients | None = None  # From the step's first micro-batch to its last.
        self._losses: dict[int, Tensor] = {}  # What a micro-batch adds to the mean losses, by place.
        self.norms: Tensor | None = None  # Of the latest such step, unweighted, (tasks,).
        self.cosines: dict[str, float] = {}  # Of this step, as they are logged; none where none are due.

    @property
    def is_open(self) -> bool:
        return self._open is not None

    def begin(self, step: int, model: nn.Module, still: Collection[nn.Parameter] = ()) -> None:
        """Open a step that is one of them, and tell DDP whether to average its gradients.

        Weights that stand `still` in it have no part in the tasks' gradients.
        """
        self.cosines = {}
        always = isinstance(self._balance, NormBalancing | GradientBalancing)
        if always or self._tells_cosines(step):
            without = {id(p) for p in still}
            learning = [p for p in self._parameters if id(p) not in without]
            self._open = TaskGradients(learning, len(self._names))
        if isinstance(model, DistributedDataParallel):  # Else it would wait for a backward pass of its own.
            model.require_backward_grad_sync = self._open is None

    def take(self, losses: Mapping[int, Tensor]) -> None:
        """What a micro-batch adds to the tasks' mean losses, by their places, to be differentiated apart."""
        self._losses = dict(losses)

    def backward(self) -> None:
        assert self._open is not None
        self._open.add(self._losses)
        self._losses = {}

    def end(self, step: int, strategy: Strategy, *, weights: Tensor, seed: int) -> None:
        """Give the model one gradient, of the tasks' on all devices, each times its weight `(tasks,)`."""
        if self._open is None:
            return
        self._open.gather(strategy)
        if isinstance(self._balance, NormBalancing):
            self.norms = self._open.norms(self._shared)
        if self._tells_cosines(step):
            self.cosines = named_pairs(self._names, self._open.cosines())
        self._open.rows *= weights[:, None]
        self._open.put(combined(self._balance, self._open.rows, seed=seed, step=step))
        self._open = None

    def _tells_cosines(self, step: int) -> bool:
        return self._every is not None and len(self._names) > 1 and (step + 1) % self._every == 0


def combined(balance: Any, gradients: Tensor, *, seed: int, step: int) -> Tensor:
    """The gradient to step with `(num_parameters,)` from each task's, which are used up.

    A balancing that combines them draws from (seed, step).
    """
    if isinstance(balance, GradientBalancing):
        drawn = int(np.random.SeedSequence([seed, step]).generate_state(1)[0])
        return balance.combine(gradients, torch.Generator().manual_seed(drawn))
    if balance is not None:
        gradients *= gradients.new_tensor(list(balance.weights().values()))[:, None]
    return gradients.sum(0)


def named_pairs(names: Sequence[str], cosines: Tensor) -> dict[str, float]:
    """Each pair's cosine under the names of both, those that are numbers."""
    pairs = combinations(range(len(names)), 2)
    found = {f"{KEY}{names[a]}/{names[b]}": float(cosines[a, b]) for a, b in pairs}
    return {name: value for name, value in found.items() if np.isfinite(value)}
