"""Shares of tasks by what they still learn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gpt_exp.interfaces import Mixture


class Adaptive:
    """More of those tasks whose validation loss still falls.

    Begins as `begin`. After each validation a task's progress is the part of its loss that is gone since the
    one before, at least 0; the new shares lie `rate` of the way from the old ones to those in proportion to
    progress, and none falls below `floor` of a uniform share. After learning progress as a reward: Graves et
    al. 2017, arXiv:1704.03003. Where no task progressed the shares stay.
    """

    def __init__(
        self,
        *,
        sizes: Mapping[str, int],
        begin: Callable[..., Mixture],
        rate: float = 0.5,
        floor: float = 0.25,
    ) -> None:
        for name, value in (("rate", rate), ("floor", floor)):
            if not 0 <= value <= 1:
                raise ValueError(f"mixture.{name}={value} must be from 0 to 1")
        self._rate, self._floor = rate, floor
        self._history: list[tuple[int, np.ndarray]] = [(0, begin(sizes=sizes).shares(0))]
        self._losses: np.ndarray | None = None

    def shares(self, step: int) -> np.ndarray:
        return next(shares for first, shares in reversed(self._history) if first <= step)

    def adapt(self, step: int, losses: np.ndarray) -> None:
        """Learn the validation losses `(tasks,)`, in nats, of the weights before `step`, the next one."""
        before, self._losses = self._losses, losses
        if before is None:
            return
        progress = np.maximum(0.0, (before - losses) / np.maximum(before, 1e-12))
        if progress.sum() == 0:
            return
        wanted = (1 - self._rate) * self.shares(step) + self._rate * progress / progress.sum()
        lowest = self._floor / len(wanted)
        self._history.append((step, lowest + (1 - self._floor) * wanted))

    def state_dict(self) -> dict[str, Any]:
        return {
            "history": [[step, shares.tolist()] for step, shares in self._history],
            "losses": None if self._losses is None else self._losses.tolist(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._history = [(step, np.array(shares)) for step, shares in state["history"]]
        self._losses = None if state["losses"] is None else np.array(state["losses"])
