"""Shares of tasks that change from one mixture to another."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from gpt_exp.interfaces import Mixture


class Annealed:
    """The mixture `begin` up to `begin_step`, `end` from `end_step` on, and in between both in part.

    Steps below 1 are fractions of `max_steps`, as in schedules. ValueError where the steps go backwards.
    """

    def __init__(
        self,
        *,
        sizes: Mapping[str, int],
        begin: Callable[..., Mixture],
        end: Callable[..., Mixture],
        max_steps: int,
        begin_step: float = 0,
        end_step: float = 1.0,
    ) -> None:
        self._begin, self._end = begin(sizes=sizes), end(sizes=sizes)
        first, last = (step if step > 1 else step * max_steps for step in (begin_step, end_step))
        if not 0 <= first < last:
            raise ValueError(
                f"mixture.begin_step={begin_step} must be at least 0 and before mixture.end_step={end_step}"
            )
        self._first, self._last = first, last

    def shares(self, step: int) -> np.ndarray:
        part = min(1.0, max(0.0, (step - self._first) / (self._last - self._first)))
        return (1 - part) * self._begin.shares(step) + part * self._end.shares(step)
