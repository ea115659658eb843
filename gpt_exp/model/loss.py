"""Softmax cross-entropy over a long vocabulary, a chunk of rows at a time.

The logits of a chunk give its loss and, while they are there, its gradients: nothing of the size
(batch * time, vocab) is ever kept, and nothing is computed twice.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from gpt_exp.interfaces import IGNORE_INDEX, Loss

LOGITS_BYTES = 64 * 2**20  # A chunk's logits in fp32: enough rows to keep any device busy.


class Terms(NamedTuple):
    """What may be added to plain cross-entropy.

    `softcap` c bends the logits to c * tanh(logits / c) (Gemma 2, arXiv 2408.00118, section 2).
    `z_loss` times log(Z)^2 keeps them from drifting (PaLM, arXiv 2204.02311, section 5).
    `label_smoothing` is the share of the target that all tokens have alike (Szegedy et al. 2016,
    arXiv 1512.00567, section 7), as in torch's cross_entropy.
    """

    softcap: float | None = None
    z_loss: float = 0.0
    label_smoothing: float = 0.0


def chunked_cross_entropy(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    *,
    softcap: float | None = None,
    z_loss: float = 0.0,
    label_smoothing: float = 0.0,
    logits_bytes: int = LOGITS_BYTES,
) -> Loss:
    """The loss of `targets` `(batch, time)` under logits `hidden @ weight.T`.

    Products run in autocast's dtype, softmax and sums in fp32; targets of IGNORE_INDEX carry no loss.
    ValueError for a label smoothing outside [0, 1].
    """
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"label_smoothing={label_smoothing} must lie in [0, 1]")
    rows, targets = hidden.flatten(0, -2), targets.flatten()
    chunk = max(1, logits_bytes // (4 * weight.shape[0]))
    terms = Terms(softcap, z_loss, label_smoothing)
    total = _CrossEntropy.apply(rows, weight, targets, terms, chunk, torch.is_grad_enabled())
    return Loss(total, (targets != IGNORE_INDEX).sum())


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, terms: Terms, chunk: int, training: bool
    ) -> Tensor:
        hidden_needed, weight_needed = (training and needed for needed in ctx.needs_input_grad[:2])
        grad_hidden = torch.empty_like(hidden) if hidden_needed else None
        grad_weight = torch.zeros_like(weight, dtype=_sum_dtype(weight.dtype)) if weight_needed else None
        dtype = _product_dtype(hidden)
        table, total = weight.to(dtype), hidden.new_zeros((), dtype=_sum_dtype(dtype))
        for start in range(0, hidden.shape[0], chunk):
            rows = slice(start, start + chunk)
            inputs, target = hidden[rows].to(dtype), targets[rows]
            has_target = (target != IGNORE_INDEX)[:, None]
            losses, grad_logits = _losses(
                inputs @ table.T, target.clamp(min=0)[:, None], terms, hidden_needed or weight_needed
            )
            total += (losses * has_target).sum()
            if grad_logits is None:
                continue
            grad_logits = grad_logits.to(dtype)
            # Rows without a target are struck out of the narrow factors, not of the wide one.
            if grad_hidden is not None:
                grad_hidden[rows] = (grad_logits @ table) * has_target
            if grad_weight is not None:
                grad_weight += grad_logits.T @ (inputs * has_target)
        if grad_weight is not None:
            grad_weight = grad_weight.to(weight.dtype)
        ctx.save_for_backward(grad_hidden, grad_weight)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        grad_hidden, grad_weight = (g if g is None else g * grad.to(g.dtype) for g in ctx.saved_tensors)
        return grad_hidden, grad_weight, None, None, None, None


def _losses(logits: Tensor, target: Tensor, terms: Terms, training: bool) -> tuple[Tensor, Tensor | None]:
    """Each row's loss `(rows, 1)`, and in training its gradient by the logits `(rows, vocab)`."""
    slope = None
    if terms.softcap is not None:
        bent = (logits.to(_sum_dtype(logits.dtype)) / terms.softcap).tanh()
        logits, slope = bent * terms.softcap, 1 - bent.square()
    log_probabilities = logits.log_softmax(-1, dtype=_sum_dtype(logits.dtype))
    losses = -log_probabilities.gather(1, target)
    if terms.label_smoothing:
        losses = losses.lerp(-log_probabilities.mean(-1, keepdim=True), terms.label_smoothing)
    log_sum = logits[:, :1] - log_probabilities[:, :1]
    if terms.z_loss:
        losses += terms.z_loss * log_sum.square()
    if not training:
        return losses, None
    grad_logits = log_probabilities.exp_()
    if terms.z_loss:
        grad_logits *= 1 + 2 * terms.z_loss * log_sum
    if terms.label_smoothing:
        grad_logits -= terms.label_smoothing / logits.shape[1]
    on_target = grad_logits.new_full((1, 1), terms.label_smoothing - 1)
    grad_logits.scatter_add_(1, target, on_target.expand_as(target))
    return losses, grad_logits if slope is None else grad_logits.mul_(slope)


def _product_dtype(x: Tensor) -> torch.dtype:
    is_cast = torch.is_autocast_enabled(x.device.type) and x.dtype != torch.float64
    return torch.get_autocast_dtype(x.device.type) if is_cast else x.dtype


def _sum_dtype(dtype: torch.dtype) -> torch.dtype:
    return torch.promote_types(dtype, torch.float32)
