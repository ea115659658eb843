"""Time spent in training proper."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter


class Stopwatch:
    """Runs while the model trains; validation and samples pause it."""

    def __init__(self) -> None:
        self.total = 0.0  # Seconds, all laps.
        self.restart()

    def restart(self) -> None:
        self._started = self._paused = perf_counter()

    def lap(self) -> float:
        """Seconds since the last lap, pauses left out."""
        now = perf_counter()
        seconds = now - self._started
        self._started = now
        self.total += seconds
        return seconds

    def pause(self) -> None:
        self._paused = perf_counter()

    def go_on(self) -> None:
        self._started += perf_counter() - self._paused

    @contextmanager
    def paused(self) -> Iterator[None]:
        self.pause()
        try:
            yield
        finally:
            self.go_on()
