"""Shares of tasks that stay as they are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


class Constant:
    """The same share of a batch for each task at every step."""

    def __init__(self, weights: np.ndarray) -> None:
        self._shares = weights / weights.sum()

    def shares(self, step: int) -> np.ndarray:
        return self._shares


def proportional(*, sizes: Mapping[str, int]) -> Constant:
    """As many examples of a task as it has records: each record is read equally often."""
    return temperature(sizes=sizes, tau=1.0)


def uniform(*, sizes: Mapping[str, int]) -> Constant:
    """Equally many examples of each task."""
    return Constant(np.ones(len(sizes)))


def temperature(*, sizes: Mapping[str, int], tau: float) -> Constant:
    """In proportion to `size ** (1 / tau)`: 1 is proportional, and the larger, the more uniform.

    Arivazhagan et al. 2019, arXiv:1907.05019, section 4.2. ValueError for a tau below 1.
    """
    if tau < 1:
        raise ValueError(f"mixture.tau={tau} must be at least 1")
    return Constant(np.array([float(size) for size in sizes.values()]) ** (1 / tau))


def explicit(*, sizes: Mapping[str, int], weights: Mapping[str, float]) -> Constant:
    """In proportion to the weights, 1 where none is named. ValueError for unknown tasks, or none above 0."""
    for name, weight in weights.items():
        if name not in sizes:
            raise ValueError(f"mixture.weights.{name} is no task; the tasks are: {', '.join(sizes)}")
        if not weight > 0:
            raise ValueError(f"mixture.weights.{name}={weight} must be more than 0")
    return Constant(np.array([float(weights.get(name, 1)) for name in sizes]))
