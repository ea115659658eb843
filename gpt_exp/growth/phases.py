"""A number that changes at some steps of a run."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise


class Phases:
    """Value number i from step number i on; the first step is 0. Of two at one step the later counts."""

    def __init__(self, steps: Sequence[int], values: Sequence[int]) -> None:
        assert len(steps) == len(values) and steps[0] == 0 and list(steps) == sorted(steps)
        self.steps, self.values = tuple(steps), tuple(values)

    @property
    def last(self) -> int:
        return self.values[-1]

    def at(self, step: int) -> int:
        return self.values[bisect_right(self.steps, step) - 1]

    def before(self, step: int) -> int:
        """The sum of the values of all earlier steps."""
        return sum(num_steps * value for num_steps, value in self.spans(step))

    def spans(self, num_steps: int) -> list[tuple[int, int]]:
        """How many of a run's first steps have which value, in their order."""
        ends = [min(step, num_steps) for step in (*self.steps, num_steps)]
        lengths = [end - start for start, end in pairwise(ends)]
        return [(length, value) for length, value in zip(lengths, self.values, strict=True) if length]


def constant(value: int) -> Phases:
    return Phases([0], [value])
