"""How two tasks of a run pull at the weights that they share: the cosine of their gradients over training."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

KEY = "train/cosine/"  # Before A/B in a line of metrics.jsonl.

Pair = tuple[str, str]
Points = list[tuple[float, float]]


def by_pair(metrics: Sequence[Mapping[str, Any]]) -> dict[Pair, Points]:
    """(step, cosine) by the two tasks, in the order in which they were logged; 1 is the same direction."""
    found: dict[Pair, Points] = {}
    for record in metrics:
        for key, value in record.items():
            if (pair := pair_of(key)) is not None and math.isfinite(value):
                found.setdefault(pair, []).append((record["step"], value))
    return found


def pair_of(key: str) -> Pair | None:
    """The tasks that a metric is the cosine of."""
    first, between, second = key.removeprefix(KEY).partition("/")
    return (first, second) if key.startswith(KEY) and between else None


def means(runs: Sequence[Mapping[Pair, Points]]) -> dict[Pair, float]:
    """The mean cosine of each pair over all steps of all runs."""
    pairs = dict.fromkeys(pair for run in runs for pair in run)
    return {pair: mean(value for run in runs for _, value in run.get(pair, [])) for pair in pairs}
