"""How fast steps are taken, and how long the rest will take."""

from __future__ import annotations

from collections import deque

WINDOW = 20.0  # Seconds over which the speed is measured: steady to read, and quick to follow a change.


class Pace:
    """Steps a second over the last seconds of work. Times are of a monotonic clock, in seconds."""

    def __init__(self, step: int, now: float) -> None:
        self.start = now
        self.now = now
        self.paused = 0.0
        self._marks = deque([(now, step)])

    def mark(self, step: int, now: float) -> None:
        """Note that `step` steps are done."""
        self.now = now
        self._marks.append((now - self.paused, step))
        while self._marks[-1][0] - self._marks[1][0] > WINDOW:
            self._marks.popleft()

    def pause(self, seconds: float) -> None:
        """Leave out a time without steps: a validation."""
        self.paused += seconds

    @property
    def elapsed(self) -> float:
        return self.now - self.start

    @property
    def steps_per_second(self) -> float:
        """0 before a step is done."""
        (first, before), (last, after) = self._marks[0], self._marks[-1]
        return (after - before) / (last - first) if last > first else 0.0

    def seconds_left(self, num_steps: int) -> float | None:
        """For so many more steps, with as large a share of pauses as till now; None before a step is done."""
        if self.steps_per_second == 0.0:
            return None
        return num_steps / self.steps_per_second * self.elapsed / (self.elapsed - self.paused)
