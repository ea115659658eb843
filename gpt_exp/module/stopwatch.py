"""Time spent in training proper."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter


class Stopwatch:
    """Runs while the model trains; validation, samples and checkpoints pause it."""

    def __init__(self) -> None:
        self.total = 0.0  # Seconds, all laps.
        self.restart()

    def restart(self) -> None:
        self._started = perf_counter()

    def lap(self) -> float:
        """Seconds since the last lap, pauses left out."""
        now = perf_counter()
        seconds = now - self._started
        self._started = now
        self.total += seconds
        return seconds

    @contextmanager
    def paused(self) -> Iterator[None]:
        began = perf_counter()
        try:
            yield
        finally:
            self._started += perf_counter() - began
