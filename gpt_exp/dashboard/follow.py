"""Files that change while they are read: parsed again where they changed, growing ones where they grew."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Generic, TypeVar

from gpt_exp.run.summary import Reached, reached_in

CHUNK = 1 << 22  # Bytes read at a time: a long run's file may be larger than what one wants to hold.
CONTEXT = 64  # Bytes before the last look's end that must be what they were.
TAIL = 8192  # Bytes in which the last line of a file is looked for.

T = TypeVar("T")
Modes = Mapping[str, str]  # min or max by metric.


class Watched(Generic[T]):
    """What a file says; `damaged` where it is there and can't be understood."""

    def __init__(self, path: str, parse: Callable[[str], T], nothing: T) -> None:
        self.value = nothing
        self.damaged = False
        self.changed_at = 0.0  # Unix seconds; 0 where there is no file.
        self._path, self._parse, self._nothing = path, parse, nothing
        self._signature: tuple[int, int, int] | None = None

    def look(self) -> bool:
        """Whether it is another one than at the last look: no more than a `stat` where it is not."""
        try:
            stat = os.stat(self._path)  # noqa: PTH116 Thousands of them: a Path costs more than the look.
        except OSError:
            stat = None
        signature = None if stat is None else (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        if signature == self._signature:
            return False
        self._signature = signature
        self.changed_at = 0.0 if stat is None else stat.st_mtime
        self.value, self.damaged = self._nothing, False
        if stat is not None:
            try:
                self.value = self._parse(self._path)
            except FileNotFoundError:  # Gone in between.
                self._signature = None
            except Exception:  # Whatever it holds, the page of all other runs must come.
                self.damaged = True
        return True


class Followed:
    """The best and the last values of some metrics in a metrics.jsonl, and its last step.

    A run that is resumed cuts its file back and writes on: then it is read from its beginning.
    """

    def __init__(self, modes: Modes) -> None:
        self.modes = dict(modes)
        self.step: int | None = None
        self.reached: dict[str, Reached] = {}
        self._end = 0  # Bytes taken in.
        self._context = b""  # The last of them.

    def look(self, path: str) -> Followed:
        """Take in the whole lines that are new; a torn last one waits for its end."""
        with Path(path).open("rb") as file:
            file.seek(max(0, self._end - CONTEXT))
            if file.read(min(self._end, CONTEXT)) != self._context:
                self._forget()
                file.seek(0)
            rest = b""
            while chunk := file.read(CHUNK):
                lines, newline, rest = (rest + chunk).rpartition(b"\n")
                self._take(lines + newline)
        return self

    def _take(self, lines: bytes) -> None:
        self._end += len(lines)
        self._context = (self._context + lines)[-CONTEXT:]
        for metric, mode in self.modes.items():
            new = reached_in(list(_records(lines, metric)), {}, metric, mode)
            if new is not None:
                old = self.reached.get(metric)
                self.reached[metric] = new if old is None else _joined(old, new, mode)
        self.step = (_last_record(lines) or {}).get("step", self.step)

    def _forget(self) -> None:
        self.step, self.reached = None, {}
        self._end, self._context = 0, b""


def last_record(path: str) -> dict[str, Any]:
    """The last whole line of a file of JSON objects; empty where there is none."""
    with Path(path).open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
        return _last_record(file.read()) or {}


def _records(lines: bytes, metric: str) -> Iterator[dict[str, Any]]:
    """The records that have a number for this metric; only lines with its name in them are parsed."""
    name = json.dumps(metric, ensure_ascii=False).encode()
    at = lines.find(name)
    while at >= 0:
        end = lines.find(b"\n", at)
        record = _parsed(lines[lines.rfind(b"\n", 0, at) + 1 : end])
        if record is not None and isinstance(record.get(metric), int | float):
            yield record
        at = lines.find(name, end)


def _last_record(lines: bytes) -> dict[str, Any] | None:
    whole = lines[-TAIL : lines.rfind(b"\n") + 1]
    return next((record for line in reversed(whole.splitlines()) if (record := _parsed(line))), None)


def _parsed(line: bytes) -> dict[str, Any] | None:
    """A record with a step; None where a crash or a full disk left something else."""
    with suppress(ValueError):
        record = json.loads(line)
        if isinstance(record, dict) and isinstance(record.get("step"), int):
            return record
    return None


def _joined(old: Reached, new: Reached, mode: str) -> Reached:
    """What was reached in both parts of a file."""
    sign = 1 if mode == "min" else -1
    finite = [part for part in (old, new) if math.isfinite(part.best)]
    best = min(finite or [new], key=lambda part: sign * part.best)
    return new._replace(best=best.best, best_step=best.best_step)
