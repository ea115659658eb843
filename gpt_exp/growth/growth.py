"""What grows in the course of a run: the length of its sequences, the size of its batches."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from gpt_exp.growth.phases import Phases, constant


class Growth:
    """Pairs of a step and the value from it on, such as [[0, 32], [200, 64], [400, 128]]; none: no growth.

    A step between 0 and 1 is a fraction of `max_steps`; a value with a decimal point, such as 0.25 or 1.0, is
    a fraction of the run's own.

    Short sequences first are cheap and as good: Press et al. 2021, arXiv:2012.15832; Li et al. 2022,
    arXiv:2108.06084. Small batches first serve a run as well as large ones: Smith et al. 2018,
    arXiv:1711.00489; McCandlish et al. 2018, arXiv:1812.06162.
    """

    def __init__(
        self,
        *,
        max_steps: int = 1,
        context_length: Sequence[Sequence[float]] = (),
        batch_size: Sequence[Sequence[float]] = (),
    ) -> None:
        self._max_steps, self._context_length, self._batch_size = max_steps, context_length, batch_size

    def batch_sizes(self, batch_size: int) -> Phases:
        """Sequences of a step, up to the run's `batch_size`. ValueError for what is no growth up to it."""
        return self._phases("growth.batch_size", self._batch_size, f"{batch_size=}", batch_size)

    def context_lengths(self, context_length: int) -> Phases:
        """Tokens of a sequence, up to the model's. ValueError, also for one that does not divide it."""
        key, own = "growth.context_length", f"model.{context_length=}"
        phases = self._phases(key, self._context_length, own, context_length)
        for value in phases.values:
            if context_length % value:
                raise ValueError(f"{key}: {value} must divide {own}, whose sequences are cut")
        return phases

    def _phases(self, key: str, pairs: Sequence[Sequence[float]], own: str, final: int) -> Phases:
        if not pairs:
            return constant(final)
        for pair in pairs:
            if len(pair) != 2:
                raise ValueError(f"{key}: {list(pair)} must be a step and the value from it on")
        steps = [self._step(key, step) for step, _ in pairs]
        values = [_whole(key, value, own, final) for _, value in pairs]
        if steps[0] != 0:
            raise ValueError(f"{key}: the first step is {steps[0]} and must be 0")
        for what, numbers in (("steps", steps), ("values", values)):
            for first, second in pairwise(numbers):
                if second < first:
                    raise ValueError(f"{key}: {what} must grow, and {second} comes after {first}")
        return Phases(steps, values)

    def _step(self, key: str, step: float) -> int:
        if 0 < step < 1:
            return round(step * self._max_steps)
        if step < 0 or step % 1:
            raise ValueError(f"{key}: step {step} must be a whole number, or a fraction below 1")
        return int(step)


def _whole(key: str, value: float, own: str, final: int) -> int:
    """A value as a number, of which it may be a fraction."""
    number = value * final if isinstance(value, float) else value
    if number % 1 or not 1 <= number <= final:
        raise ValueError(f"{key}: {value} must be from 1 to {own}, or a fraction of it that is whole")
    return int(number)
