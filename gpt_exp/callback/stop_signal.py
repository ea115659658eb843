"""A flag that SIGTERM, SIGINT or SIGUSR1 raises, to be read where training can stop cleanly."""

from __future__ import annotations

import os
import signal
import threading
from time import monotonic
from types import FrameType
from typing import Any

REPEAT_SECONDS = 0.5  # In which a sweep, a cluster and the system may all say the same.
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)


class StopSignal:
    """Listens for a wish to stop: the first signal raises the flag, a second one ends the process at once."""

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._repeats_until = 0.0
        self._former: dict[signal.Signals, Any] = {}
        self._process = 0  # Who listens; 0 for nobody.

    def listen(self) -> None:
        """May be called again, to take the signals back from a library that took them in between."""
        if threading.current_thread() is not threading.main_thread():
            return
        self._process = os.getpid()
        former = {number: signal.signal(number, self._handle) for number in SIGNALS}
        self._former = self._former or former

    def release(self) -> None:
        """Give the signals back to whoever had them first."""
        for number, handler in self._former.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        self._former = {}
        self._process = 0

    def _handle(self, number: int, frame: FrameType | None) -> None:
        in_data_worker = self._process not in (0, os.getpid())  # Forked, with this handler.
        if in_data_worker and number != signal.SIGTERM:
            return  # Ctrl-C reaches it too, but the step that is under way needs its batches.
        if self.received is not None and monotonic() < self._repeats_until:
            return
        if in_data_worker or self._process == 0 or self.received is not None:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self.received, self._repeats_until = signal.Signals(number), monotonic() + REPEAT_SECONDS
