"""How much figures owe to the choice of examples: bootstrap intervals, and a test between two models."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from gpt_exp.interfaces import PredictionMetric

Interval = tuple[float, float]


def intervals(
    metric: PredictionMetric, rows: np.ndarray, *, samples: int = 1000, confidence: float = 0.95, seed: int
) -> dict[str, Interval]:
    """Percentile intervals (Efron 1979) of the figures by name, over predictions drawn with replacement.

    `rows` are the predictions' statistics, `(predictions, num_statistics)`. Raises ValueError without rows
    and for a setting out of its range.
    """
    _check(rows, samples, confidence)
    drawn = [metric.values(counts @ rows) for counts in _counts(len(rows), samples, seed)]
    return {name: _interval([figures[name] for figures in drawn], confidence) for name in drawn[0]}


def paired(
    metric: PredictionMetric,
    rows_a: np.ndarray,
    rows_b: np.ndarray,
    *,
    samples: int = 1000,
    confidence: float = 0.95,
    seed: int,
) -> dict[str, dict[str, float]]:
    """By figure: the `difference` a - b, its interval from `low` to `high`, and the two-sided `p_value`.

    Row i of both belongs to the same example, and both are drawn together (Koehn 2004, "Statistical
    Significance Tests for Machine Translation Evaluation"). Raises ValueError as `intervals`, and for unequal
    numbers of rows.
    """
    if len(rows_a) != len(rows_b):
        raise ValueError(
            f"{len(rows_a)} and {len(rows_b)} predictions: a paired test needs those of both models "
            "for the same examples"
        )
    _check(rows_a, samples, confidence)
    observed = _differences(metric, rows_a.sum(0), rows_b.sum(0))
    drawn = [
        _differences(metric, counts @ rows_a, counts @ rows_b)
        for counts in _counts(len(rows_a), samples, seed)
    ]
    return {
        name: _comparison(difference, np.array([each[name] for each in drawn]), confidence)
        for name, difference in observed.items()
    }


def _check(rows: np.ndarray, samples: int, confidence: float) -> None:
    if not len(rows):
        raise ValueError("a bootstrap needs at least one prediction")
    if samples < 1:
        raise ValueError(f"samples={samples} must be at least 1")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence} must lie between 0 and 1, as 0.95")


def _counts(num_rows: int, samples: int, seed: int) -> Iterator[np.ndarray]:
    """How often each row is drawn, `(rows,)`, sample by sample: memory doesn't grow with their number."""
    random = np.random.default_rng(seed)
    for _ in range(samples):
        drawn = random.integers(num_rows, size=num_rows)
        yield np.bincount(drawn, minlength=num_rows).astype(np.float64)  # float64: @ is then BLAS's.


def _differences(metric: PredictionMetric, sums_a: np.ndarray, sums_b: np.ndarray) -> dict[str, float]:
    ours, theirs = metric.values(sums_a), metric.values(sums_b)
    return {name: ours[name] - theirs[name] for name in ours}


def _interval(values: list[float] | np.ndarray, confidence: float) -> Interval:
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _comparison(difference: float, drawn: np.ndarray, confidence: float) -> dict[str, float]:
    low, high = _interval(drawn, confidence)
    return {"difference": difference, "low": low, "high": high, "p_value": _p_value(drawn)}


def _p_value(differences: np.ndarray) -> float:
    """Twice the share of samples in which the worse model is at least as good; a tie counts for both.

    One more is counted than was seen, as no number of samples shows that it never happens (Davison and
    Hinkley 1997); nan where a figure is undefined in some sample.
    """
    if np.isnan(differences).any():
        return math.nan
    rarer = min((differences <= 0).sum(), (differences >= 0).sum())
    return float(min(1, 2 * (1 + rarer) / (1 + len(differences))))
