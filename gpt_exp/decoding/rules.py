"""What applies however tokens are chosen: repetition penalty, allowed tokens, the end of a sequence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from gpt_exp.interfaces import Prompts, Rules


class Repetition(NamedTuple):
    """What is done against a text that says the same again and again."""

    penalty: float = 1.0  # Of tokens that are there already, in the prompt too.
    ngram_size: int | None = None  # So many new tokens in a row are there once; None: any number of times.

    @classmethod
    def checked(cls, penalty: float, ngram_size: int | None) -> Repetition:
        """ValueError for what is out of range, by the names of a decoding's settings."""
        if not penalty > 0:
            raise ValueError(f"repetition_penalty={penalty} must be above 0")
        if ngram_size is not None and ngram_size < 1:
            raise ValueError(f"no_repeat_ngram_size={ngram_size} must be at least 1")
        return cls(penalty, ngram_size)


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


def mask(logits: Tensor, new: Prompts, rules: Rules, ngram_size: int | None = None) -> Tensor:
    """-inf for what may not follow the new tokens of a row, `(batch, vocab)`.

    Where rules allow everything, that is what would repeat an n-gram of the row (Paulus et al. 2017,
    arXiv:1705.04304, section 2.5). The prompt's do not count: a summary may quote what it sums up.
    """
    if rules.allowed is None:
        return logits if ngram_size is None else _without_repeats(logits, new, ngram_size)
    masked = torch.full_like(logits, -math.inf)
    for number, tokens in enumerate(new):
        may_follow = torch.tensor(sorted(rules.allowed(tokens)), dtype=torch.long, device=logits.device)
        masked[number, may_follow] = logits[number, may_follow]
    return masked


def _without_repeats(logits: Tensor, new: Prompts, size: int) -> Tensor:
    masked = logits.clone()
    for number, tokens in enumerate(new):
        last = tokens[len(tokens) - size + 1 :]
        starts = range(len(tokens) - size + 1)
        followed = [tokens[start + size - 1] for start in starts if tokens[start : start + size - 1] == last]
        if len(set(followed)) < masked.shape[1]:  # Else nothing would be left to say.
            masked[number, followed] = -math.inf
    return masked


def has_ended(new: Sequence[int], rules: Rules) -> bool:
    """Whether new tokens, a stop token not among them, are all that a sequence will have."""
    if len(new) >= rules.max_new_tokens or (rules.stop is not None and rules.stop(new)):
        return True
    return rules.allowed is not None and not rules.allowed(new)
