"""PCGrad: a task's gradient loses what would undo another task's."""

from __future__ import annotations

import torch
from torch import Tensor

from gpt_exp.balance.fixed import Fixed


class PCGrad(Fixed):
    """Projects gradients that conflict onto each other's normal planes (Yu et al. 2020, arXiv:2001.06782).

    Each task's gradient meets those of the others, as they were, in a random order; where the two point
    apart, it loses its part along the other. The update is the sum. `weights` are of the losses.
    """

    @torch.no_grad()
    def combine(self, gradients: Tensor, generator: torch.Generator) -> Tensor:
        """The update `(num_parameters,)` of the unweighted losses' gradients `(tasks, num_parameters)`."""
        with torch.autocast(gradients.device.type, enabled=False):  # It would round them all to bfloat16.
            factors = self._factors.cpu().double()
            products = (gradients @ gradients.T).cpu().double() * factors.outer(factors)
            return (_shares(products, generator) * factors).to(gradients) @ gradients


def _shares(products: Tensor, generator: torch.Generator) -> Tensor:
    """How much of each gradient is in the update `(tasks,)`, from all inner products `(tasks, tasks)`.

    A projected gradient stays a sum of the gradients: projecting changes its shares of them.
    """
    num_tasks = len(products)
    shares = torch.eye(num_tasks, dtype=products.dtype)
    for i, own in enumerate(shares):
        for j in torch.randperm(num_tasks, generator=generator).tolist():
            product = own @ products[:, j]
            if i != j and product < 0 < products[j, j]:
                own[j] -= product / products[j, j]
    return shares.sum(0)
