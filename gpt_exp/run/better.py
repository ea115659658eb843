"""Where a metric should go, as its name tells."""

from __future__ import annotations

from typing import Literal

LESS_IS_BETTER = ("loss", "perplexity", "bits_per_byte", "error", "num_parameters")
MORE_IS_BETTER = (
    *("accuracy", "f1", "matthews", "exact_match", "score", "pass@"),
    *("bleu", "rouge", "chrf", "ndcg", "hit_rate", "mrr"),
    *("per_second", "mfu"),
)


def better(metric: str) -> Literal["min", "max"] | None:
    """min, max, or None where nobody knows."""
    name = metric.rpartition("/")[2]
    if any(word in name for word in LESS_IS_BETTER):
        return "min"
    return "max" if any(word in name for word in MORE_IS_BETTER) else None
