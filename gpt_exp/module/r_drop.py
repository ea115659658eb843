"""R-Drop: what a model says with one dropout mask should be what it says with another."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from gpt_exp.interfaces import IGNORE_INDEX, Batch, Choosing, Loss, Model, RecordTask


def check(task: RecordTask, weight: float) -> None:
    """ValueError for a weight below 0, and for a task that is not `Choosing` or has another loss beside."""
    if weight < 0:
        raise ValueError(f"module.r_drop={weight} must be at least 0")
    if weight and not isinstance(task, Choosing):
        raise ValueError(f"module.r_drop={weight}: task {task.name} does not tell the scores of its choices")
    if weight and getattr(task, "language_modeling", 0):
        raise ValueError(f"module.r_drop={weight} leaves out task.language_modeling: choose one of them")


def r_drop_loss(task: Choosing, model: Model, batch: Batch, weight: float) -> Loss:
    """Mean cross-entropy of two passes, and `weight` times their mean divergence from each other.

    Liang et al. 2021, arXiv:2106.14448, equation 4, halved: their alpha is twice the weight. All logits of
    the targets stand in memory twice.
    """
    (first, targets), (second, _) = task.scores(model, batch), task.scores(model, batch)
    is_target = targets != IGNORE_INDEX
    one, other = (logits[is_target].float().log_softmax(-1) for logits in (first, second))
    targets = targets[is_target]
    both = sum(smoothed(each, targets, task.label_smoothing) for each in (one, other))
    apart = divergence(one, other) + divergence(other, one)
    return Loss((both + weight * apart) / 2, is_target.sum())


def smoothed(log_probabilities: Tensor, targets: Tensor, label_smoothing: float) -> Tensor:
    """Cross-entropy: the softmax of what is normalised changes nothing."""
    return F.cross_entropy(log_probabilities, targets, reduction="sum", label_smoothing=label_smoothing)


def divergence(one: Tensor, other: Tensor) -> Tensor:
    """Kullback and Leibler's, of the first from the second, summed; from log-probabilities."""
    return F.kl_div(other, one, reduction="sum", log_target=True)
