"""What narrows the distribution of the next token: pure functions on logits `(batch, vocab)`.

A token that is ruled out gets the logit -inf; the best token always stays.
"""

from __future__ import annotations

import math

from torch import Tensor


def narrow(
    logits: Tensor, *, temperature: float, top_k: int | None, top_p: float | None, min_p: float | None
) -> Tensor:
    """Temperature, then those filters that are given, in transformers' order; 0 keeps the best token."""
    if not temperature >= 0:
        raise ValueError(f"temperature={temperature} must be at least 0")
    logits = logits / (temperature or 1.0)
    if top_k is not None:
        logits = keep_top_k(logits, top_k)
    if top_p is not None:
        logits = keep_top_p(logits, top_p)
    if min_p is not None:
        logits = keep_min_p(logits, min_p)
    return logits if temperature > 0 else keep_best(logits)


def keep_best(logits: Tensor) -> Tensor:
    """The best token alone, the first of several."""
    best = logits.argmax(-1, keepdim=True)
    return logits.new_full(logits.shape, -math.inf).scatter(-1, best, 0.0)


def keep_top_k(logits: Tensor, k: int) -> Tensor:
    """The k best tokens (Fan et al. 2018, arXiv:1805.04833)."""
    if k < 1:
        raise ValueError(f"top_k={k} must be at least 1")
    last_kept = logits.topk(min(k, logits.size(-1))).values[:, -1:]
    return logits.masked_fill(logits < last_kept, -math.inf)


def keep_top_p(logits: Tensor, p: float) -> Tensor:
    """The fewest tokens whose probabilities reach p together (Holtzman et al. 2019, arXiv:1904.09751)."""
    if not 0 < p <= 1:
        raise ValueError(f"top_p={p} must be above 0 and at most 1")
    ordered, tokens = logits.sort(descending=True, stable=True)
    probabilities = ordered.softmax(-1)
    better = probabilities.cumsum(-1) - probabilities  # What the better tokens reach without this one.
    return logits.masked_fill((better >= p).scatter(-1, tokens, better >= p), -math.inf)


def keep_min_p(logits: Tensor, p: float) -> Tensor:
    """Tokens at least p times as probable as the best one (Nguyen et al. 2024, arXiv:2407.01082)."""
    if not 0 <= p <= 1:
        raise ValueError(f"min_p={p} must be from 0 to 1")
    probabilities = logits.softmax(-1)
    return logits.masked_fill(probabilities < p * probabilities.amax(-1, keepdim=True), -math.inf)
