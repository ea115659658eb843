"""What the first page tells of a run, from the small files of its folder and the end of its metrics."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Any

import yaml

from gpt_exp.dashboard.follow import Followed, Goal, Goals, Watched, last_record
from gpt_exp.run import lock
from gpt_exp.run.folder import read_json
from gpt_exp.run.summary import Reached, reached_in


@dataclass(frozen=True)
class RunEntry:
    """A run as of the last look."""

    id: str  # Its path from `outputs`.
    path: str
    state: str  # As `RunFolder.state` has it; "unknown" where status.json can't be read.
    reason: str | None
    step: int | None
    max_steps: int | None
    reached: Mapping[Goal, Reached]
    tokens_per_second: float | None
    seconds: float | None  # Of training.
    started: str  # ISO time, UTC; empty where nothing tells it.
    changed_at: float  # Unix seconds: its last sign of life.
    overrides: tuple[str, ...]
    is_stopping: bool  # Asked to, and still running.

    @property
    def share(self) -> float | None:
        """How much of its steps is done, 0 to 1."""
        if not self.max_steps or self.step is None:
            return None
        return min(1.0, self.step / self.max_steps)


class RunReader:
    """Looks at a run's folder again and again."""

    def __init__(self, id: str, path: str, goals: Goals) -> None:
        self._id, self._path = id, path
        followed = Followed(metrics := f"{path}/metrics.jsonl", goals)
        self._status = Watched(f"{path}/status.json", _json_object, _NOTHING)
        self._metrics = Watched(metrics, lambda _: followed.look(), Followed(metrics, frozenset()))
        self._speed = Watched(f"{path}/speed.jsonl", last_record, _NOTHING)
        self._results = Watched(f"{path}/results.json", _json_object, _NOTHING)
        self._environment = Watched(f"{path}/environment.json", _json_object, _NOTHING)
        self._overrides = Watched(f"{path}/overrides.yaml", _texts, _NO_TEXTS)
        self._files: tuple[Watched[Any], ...] = (
            self._status,
            self._metrics,
            self._speed,
            self._results,
            self._environment,
            self._overrides,
        )
        self.goals = goals
        self._entry: RunEntry | None = None

    def is_there(self) -> bool:
        return Path(self._path, "config.yaml").is_file()

    def look(self) -> RunEntry:
        """The entry, the very same object where nothing has changed."""
        changed = [file.look() for file in self._files]  # All of them: no `any`, which stops at the first.
        state = self._state()
        is_stopping = state == "running" and os.path.exists(f"{self._path}/stop")  # noqa: PTH110
        old = self._entry
        if old is None or True in changed or (state, is_stopping) != (old.state, old.is_stopping):
            self._entry = self._read(state, is_stopping)
        assert self._entry is not None
        return self._entry

    def unknown(self, error: Exception) -> RunEntry:
        """What is told of a run whose files nobody foresaw."""
        return RunEntry(
            id=self._id,
            path=self._path,
            state="unknown",
            reason=f"it can't be read: {error}",
            step=None,
            max_steps=None,
            reached={},
            tokens_per_second=None,
            seconds=None,
            started="",
            changed_at=0.0,
            overrides=(),
            is_stopping=False,
        )

    def _state(self) -> str:
        """As `RunFolder.state`, of the status that was read before."""
        if self._status.damaged:
            return "unknown"
        state = str(self._status.value.get("state", "not started"))
        return "stopped" if state == "running" and not lock.is_held(Path(self._path)) else state

    def _read(self, state: str, is_stopping: bool) -> RunEntry:
        status, speed, results = self._status.value, self._speed.value, self._results.value
        step = _number(self._metrics.value.step, status.get("step"), results.get("step"))
        return RunEntry(
            id=self._id,
            path=self._path,
            state=state,
            reason=_text(status.get("reason")) if not self._status.damaged else "status.json can't be read",
            step=step,
            max_steps=_number(status.get("max_steps")) or self._planned_steps(state, step),
            reached=self._reached(),
            tokens_per_second=_number(speed.get("speed/tokens_per_second")),
            seconds=_number(results.get("seconds"), speed.get("speed/elapsed_seconds")),
            started=utc(self._environment.value.get("created"), self._overrides.changed_at),
            changed_at=max(file.changed_at for file in self._files[:4]),
            overrides=self._overrides.value,
            is_stopping=is_stopping,
        )

    def _reached(self) -> dict[Goal, Reached]:
        """From the metrics, else from the results."""
        found = dict(self._metrics.value.reached)
        for goal in self.goals - found.keys():
            if value := reached_in([], self._results.value, *goal):
                found[goal] = value
        return found

    def _planned_steps(self, state: str, step: int | None) -> int | None:
        """Where the status does not tell. Reading a config takes long, and a finished run has done all."""
        if state == "finished":
            return step
        try:
            config = yaml.load(Path(self._path, "config.yaml").read_bytes(), _LOADER)
            return _number(config["trainer"]["max_steps"])
        except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
            return None


def utc(created: object, changed_at: float) -> str:
    """An ISO time in UTC, by whose letters it is sorted: as it was told, else when the file was written."""
    if isinstance(created, str):
        with suppress(ValueError, OverflowError):  # Also of a year that no other zone has.
            return datetime.fromisoformat(created).astimezone(UTC).isoformat(timespec="seconds")
    return datetime.fromtimestamp(changed_at, UTC).isoformat(timespec="seconds") if changed_at else ""


_NOTHING: dict[str, Any] = {}
_NO_TEXTS: tuple[str, ...] = ()
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _json_object(path: str) -> dict[str, Any]:
    return read_json(Path(path))


def _texts(path: str) -> tuple[str, ...]:
    return tuple(map(str, yaml.load(Path(path).read_bytes(), _LOADER) or ()))


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _number(*values: Any) -> Any:
    """The first that is one."""
    return next((v for v in values if type(v) in (int, float) and isfinite(v)), None)
