"""What applies however tokens are chosen: repetition penalty, allowed tokens, the end of a sequence."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from gpt_exp.interfaces import Prompts, Rules


def check_penalty(penalty: float) -> None:
    """ValueError for one out of range."""
    if not penalty > 0:
        raise ValueError(f"repetition_penalty={penalty} must be above 0")


def penalize(logits: Tensor, rows: Prompts, penalty: float) -> Tensor:
    """Logits `(batch, vocab)` of tokens that their row holds already, made less likely by a penalty above 1.

    Keskar et al. 2019, arXiv:1909.05858, section 4.1; a negative logit is multiplied, as transformers does.
    """
    if penalty == 1:
        return logits
    logits = logits.clone()
    for own, row in zip(logits, rows, strict=True):
        held = torch.tensor(sorted(set(row)), device=logits.device)
        own[held] = torch.where(own[held] > 0, own[held] / penalty, own[held] * penalty)
    return logits


def mask(logits: Tensor, new: Prompts, rules: Rules) -> Tensor:
    """-inf for what may not follow the new tokens of a row, `(batch, vocab)`."""
    if rules.allowed is None:
        return logits
    masked = torch.full_like(logits, -math.inf)
    for number, tokens in enumerate(new):
        may_follow = torch.tensor(sorted(rules.allowed(tokens)), dtype=torch.long, device=logits.device)
        masked[number, may_follow] = logits[number, may_follow]
    return masked


def has_ended(new: Sequence[int], rules: Rules) -> bool:
    """Whether new tokens, a stop token not among them, are all that a sequence will have."""
    if len(new) >= rules.max_new_tokens or (rules.stop is not None and rules.stop(new)):
        return True
    return rules.allowed is not None and not rules.allowed(new)
