"""From shares to whole examples, exactly."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


class Quotas:
    """How many of each step's slots every task has: at each step as near to its share of all till then as
    whole numbers come, and never more than one off where the shares stay.

    All is a function of the shares: a run that is resumed at a step, on any number of devices, goes on with
    the same examples. `shares(step)` is `(tasks,)` and adds up to 1; it is asked once a step, in order.
    """

    def __init__(self, shares: Callable[[int], np.ndarray], num_slots: int) -> None:
        self._shares, self._num_slots = shares, num_slots
        num_tasks = len(shares(0))
        self._due = np.zeros(num_tasks)  # What all steps till now should have had.
        self._before = [np.zeros(num_tasks, dtype=np.int64)]
        self._ordered: tuple[int, np.ndarray] | None = (
            None  # The step that was last asked for, and its order.
        )

    def before(self, step: int) -> np.ndarray:
        """Slots of each task in all earlier steps, `(tasks,)`."""
        while len(self._before) <= step:
            self._due = self._due + self._num_slots * self._shares(len(self._before) - 1)
            self._before.append(self._before[-1] + apportion(self._due - self._before[-1], self._num_slots))
        return self._before[step]

    def counts(self, step: int) -> np.ndarray:
        """Slots of each task in this step, `(tasks,)`; they add up to all."""
        return self.before(step + 1) - self.before(step)

    def order(self, step: int) -> np.ndarray:
        """The task of each of a step's slots, `(slots,)`; those of each task are spread evenly."""
        if self._ordered is None or self._ordered[0] != step:
            self._ordered = step, self._order(step)
        return self._ordered[1]

    def _order(self, step: int) -> np.ndarray:
        counts = self.counts(step)
        tasks = np.repeat(np.arange(len(counts)), counts)
        places = np.concatenate([(np.arange(count) + 0.5) / max(1, count) for count in counts])
        return tasks[np.argsort(places, kind="stable")]


def apportion(wanted: np.ndarray, total: int) -> np.ndarray:
    """Whole numbers, at least 0, that add up to `total` and are near to `wanted`, by largest remainders."""
    counts = np.floor(np.maximum(wanted, 0)).astype(np.int64)
    while counts.sum() != total:
        left = wanted - counts
        if counts.sum() < total:
            counts[np.argmax(left)] += 1
        else:
            counts[np.argmin(np.where(counts > 0, left, np.inf))] -= 1
    return counts
