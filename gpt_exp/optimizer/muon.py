"""Muon for the hidden matrices and AdamW for everything else, as one optimizer.

Muon is momentum whose every update is replaced by the nearest orthogonal matrix (Keller Jordan 2024,
https://kellerjordan.github.io/posts/muon).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw as adamw_update

from gpt_exp.optimizer.newton_schulz import orthogonalize
from gpt_exp.optimizer.parameter_groups import parameter_groups


def muon(
    model: nn.Module,
    *,
    lr: float = 0.02,
    adamw_lr: float = 6e-3,
    weight_decay: float = 0.1,
    momentum: float = 0.95,
    betas: tuple[float, float] = (0.9, 0.95),
    eps: float = 1e-8,
) -> Muon:
    """Muon with `lr` on matrices inside `model.blocks`; AdamW with `adamw_lr` on all else.

    All else is embeddings, output, norms and biases. Weight decay is decoupled and on matrices only. `lr`
    is the spectral norm of a square matrix's update, so one value serves every width.
    """
    in_blocks = {id(p) for p in model.blocks.parameters() if p.ndim == 2}  # type: ignore[union-attr]
    hidden = {"lr": lr, "momentum": momentum}
    rest = {"lr": adamw_lr, "betas": tuple(betas), "eps": eps, "fused": True}
    groups = []
    for group in parameter_groups(model, weight_decay):
        groups.append({**group, "params": [p for p in group["params"] if id(p) in in_blocks], **hidden})
        groups.append({**group, "params": [p for p in group["params"] if id(p) not in in_blocks], **rest})
    return Muon([group for group in groups if group["params"]])


class Muon(torch.optim.Optimizer):
    """Parameter groups with a `momentum` take Muon's step, the others AdamW's."""

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        super().__init__(groups, defaults={})
        if any(_is_sharded(p) for group in self.param_groups for p in group["params"]):
            raise ValueError(
                "muon needs whole matrices: under FSDP2 take optimizer=adamw, or another trainer"
            )

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One update; returns what `closure` does."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            if parameters and "momentum" in group:
                self._step_muon(parameters, group)
            elif parameters:
                self._step_adamw(parameters, group)
        return loss

    def _step_muon(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        lr, momentum = group["lr"], group["momentum"]
        buffers = [self._state(p, "momentum") for p in parameters]
        gradients = _gradients(parameters)
        torch._foreach_lerp_(buffers, gradients, 1 - momentum)
        nesterov = torch._foreach_lerp(gradients, buffers, momentum)
        updates = orthogonalize(list(nesterov))
        torch._foreach_mul_(parameters, 1 - lr * group["weight_decay"])
        torch._foreach_add_(parameters, updates, alpha=-lr)

    def _step_adamw(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        for p in parameters:
            if "step" not in self.state[p]:
                self.state[p]["step"] = torch.zeros((), dtype=torch.float32, device=p.device)
        adamw_update(
            parameters,
            _gradients(parameters),
            [self._state(p, "exp_avg") for p in parameters],
            [self._state(p, "exp_avg_sq") for p in parameters],
            [],
            [self.state[p]["step"] for p in parameters],
            fused=group["fused"],
            amsgrad=False,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=False,
        )

    def _state(self, parameter: Tensor, name: str) -> Tensor:
        state = self.state[parameter]
        if name not in state:
            state[name] = torch.zeros_like(parameter, memory_format=torch.preserve_format)
        return state[name]


def _gradients(parameters: list[Tensor]) -> list[Tensor]:
    return [p.grad for p in parameters if p.grad is not None]


def _is_sharded(parameter: Tensor) -> bool:
    return hasattr(parameter, "full_tensor")  # DTensor, without importing torch.distributed.tensor.
