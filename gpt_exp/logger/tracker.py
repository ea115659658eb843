"""What all trackers share: one tracked run a run folder, open until the final results are in."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from gpt_exp.logger.close_killed import OPEN
from gpt_exp.logger.description import flat
from gpt_exp.run.folder import RunFolder, read_json
from gpt_exp.run.lines import read_metrics

RETRY_SECONDS = 60.0  # Between two tries of a tracker that fails: training does not wait for it.
LAST_SECONDS = 60.0  # That the end of a run waits for one that can't take what is left.
Values = dict[str, Any]  # Numbers, or words in a summary.
log = logging.getLogger(__name__)


class Tracker(Logger, ABC):
    """A run in a tracker, opened before the data is read and ended after the final evaluation.

    The job ends it (`tracking`): Lightning's `finalize` comes before the final evaluation. A process that is
    killed can't: a file in the run folder tells that the tracked run is open, so that a sweep ends it
    (`close_killed`), or the job when it goes on.

    Metrics have the names of metrics.jsonl. A job that goes on does so in the same tracked run: what that has
    is not logged again, and what it lacks (other trackers were used before) comes from the run folder. What a
    tracker can't take now, such as while its server is away, it gets later; training never fails for it.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        self.folder = RunFolder(path)
        self.experiment: Any = None  # The library's own object, while the tracked run is open.
        self._step = 0  # The last one logged.
        self._waiting: deque[tuple[Values, int]] = deque()
        self._untold: Values = {}  # Of the summary.
        self._try_at = 0.0  # By the monotonic clock.
        self._mark = self.folder.path / f"{type(self).__name__}{OPEN}"

    @property
    def name(self) -> str:
        return self.folder.path.absolute().parent.name

    @property
    def version(self) -> str:
        return self.folder.path.name

    @rank_zero_only
    def start(self, step: int) -> None:
        """Open the tracked run of a job that begins (step 0), or goes on from a checkpoint's step."""
        self._step = step
        self._mark.touch()
        self.experiment = self._open(step)
        for record in _recorded(self.folder, step):
            self.log_metrics(record, record.pop("step"))

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        if self.experiment is None:
            return
        assert step is not None
        self._step = max(self._step, step)
        # Lightning adds an epoch to all; a stream of examples has none.
        new = {k: v for k, v in metrics.items() if k != "epoch" and not self._has(k, step)}
        if new:
            self._waiting.append((new, step))
        if monotonic() > self._try_at:
            self._attempt(self._send)

    @rank_zero_only
    def log_results(self, results: Mapping[str, Any]) -> None:
        """The numbers of results.json, as `results/test/loss`."""
        if self.experiment is not None:
            self._untold |= flat({"results": results})
            self._attempt(self._tell)

    @rank_zero_only
    def close(self, state: str, reason: str | None = None) -> None:
        """End the tracked run; `state` is the run's: finished, stopped, pruned or failed."""
        if self.experiment is None:
            return
        best = read_json(self.folder.best)
        values = {f"best/{best['metric']}": best["value"], "best/step": best["step"]} if best else {}
        self._untold |= {**values, "state": state, "reason": reason or ""}
        self._attempt(self._send_last)
        self._attempt(self._tell)
        self._attempt(self._end_noted, state)
        self.experiment = None

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Nothing: a tracked run has the run's config from the start."""

    def finalize(self, status: str) -> None:
        """Nothing: `close` ends the tracked run."""

    @abstractmethod
    def _open(self, step: int) -> Any:
        """Begin the tracked run or go on with it; a user's mistake raises."""

    @abstractmethod
    def _has(self, name: str, step: int) -> bool:
        """Whether an earlier process logged this metric at this step."""

    @abstractmethod
    def _write(self, metrics: Values, step: int) -> None: ...

    @abstractmethod
    def _summarize(self, values: Values) -> None:
        """Note what describes the run as a whole."""

    @abstractmethod
    def _end(self, state: str) -> None: ...

    def _send(self) -> None:
        while self._waiting:
            self._send_first()

    def _send_last(self) -> None:
        """Each waiting record once more, also behind one that is refused; raises the last refusal."""
        give_up_at, refusal = monotonic() + LAST_SECONDS, None
        for _ in range(len(self._waiting)):
            try:
                self._send_first()
            except Exception as error:
                refusal = error
            if monotonic() > give_up_at:
                break
        if refusal is not None:
            raise refusal

    def _send_first(self) -> None:
        try:
            self._write(*self._waiting[0])
        except Exception:
            self._waiting.rotate(-1)  # Should it never be taken, the others are.
            raise
        self._waiting.popleft()

    def _tell(self) -> None:
        self._summarize(self._untold)
        self._untold = {}

    def _end_noted(self, state: str) -> None:
        self._end(state)
        self._mark.unlink(missing_ok=True)

    def _attempt(self, act: Callable[..., None], *arguments: Any) -> None:
        try:
            act(*arguments)
        except Exception as error:
            self._fall_behind(error)

    def _fall_behind(self, error: Exception) -> None:
        log.warning("%s is behind: %s: %s", type(self).__name__, type(error).__name__, error)
        self._try_at = monotonic() + RETRY_SECONDS


@contextmanager
def tracking(loggers: Sequence[Logger], folder: RunFolder, step: int) -> Iterator[None]:
    """Start the trackers among the loggers, and end them in the state in which the run ends."""
    trackers = [logger for logger in loggers if isinstance(logger, Tracker)]
    try:
        for tracker in trackers:
            tracker.start(step)
        yield
        status = folder.status()
        state, reason = status.get("state", "finished"), status.get("reason")
    except BaseException as error:
        state = "stopped" if isinstance(error, KeyboardInterrupt) else "failed"
        reason = f"{type(error).__name__}: {error}"
        raise
    finally:
        for tracker in trackers:
            tracker.close(state, reason)


def _recorded(folder: RunFolder, step: int) -> list[dict[str, Any]]:
    """All that the run folder has on the steps up to this one, in order, each with its "step"."""
    by_step: dict[int, dict[str, Any]] = {}
    for record in [*read_metrics(folder.metrics), *read_metrics(folder.speed)]:
        if record["step"] <= step:
            by_step.setdefault(record["step"], {}).update(record)
    return [by_step[each] for each in sorted(by_step)]
