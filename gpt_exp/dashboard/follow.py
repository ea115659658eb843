"""Files that change while they are read: parsed again where they changed, growing ones where they grew."""

from __future__ import annotations

import json
import math
import os
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path
from threading import Lock
from typing import Any, Generic, TypeVar

from gpt_exp.run.lines import record as parsed
from gpt_exp.run.summary import Reached, reached_in

CHUNK = 1 << 22  # Bytes read at a time: a long run's file may be larger than what one wants to hold.
CONTEXT = 64  # Bytes before the last look's end that must be what they were.
TAIL = 8192  # Bytes in which the last line of a file is looked for.

T = TypeVar("T")
Goal = tuple[str, str]  # A metric, and min or max.
Goals = frozenset[Goal]


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


class Kept(Generic[T]):
    """What the files say that were asked for last, so that none is read twice as it is."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._files: OrderedDict[Hashable, Watched[T]] = OrderedDict()
        self._lock = Lock()

    def get(self, path: str, parse: Callable[[str], T], nothing: T, *, key: Hashable = None) -> T:
        """`key` tells what `parse` makes of the file, where that may be more than one thing."""
        with self._lock:
            watched = self._files.setdefault((path, key), Watched(path, parse, nothing))
            watched.look()
            self._files.move_to_end((path, key))
            if len(self._files) > self._most:
                self._files.popitem(last=False)
            return watched.value


class Growing:
    """The whole lines of a file, each once; a torn last one waits for its end."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._end = 0  # Bytes taken in.
        self._context = b""  # The last of them.

    def goes_on(self) -> bool:
        """Whether what was taken in is still there: a resumed run cuts its file back and writes on."""
        if not self._path.exists():
            return not self._end
        with self._path.open("rb") as file:
            file.seek(max(0, self._end - CONTEXT))
            return file.read(min(self._end, CONTEXT)) == self._context

    def new(self) -> Iterator[bytes]:
        """What has come since, in large parts."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._end)
            rest = b""
            while chunk := file.read(CHUNK):
                lines, newline, rest = (rest + chunk).rpartition(b"\n")
                self._end += len(lines + newline)
                self._context = (self._context + lines + newline)[-CONTEXT:]
                yield lines + newline


class Followed:
    """The best and the last values of some metrics in a metrics.jsonl, and its last step."""

    def __init__(self, path: str, goals: Goals) -> None:
        self._path, self._goals = path, goals
        self.step: int | None = None
        self.reached: dict[Goal, Reached] = {}
        self._file = Growing(path)

    def look(self) -> Followed:
        """Take in the lines that are new; all of them where the file is another one."""
        if not self._file.goes_on():
            self._forget()
        for lines in self._file.new():
            self._take(lines)
        return self

    def _take(self, lines: bytes) -> None:
        for metric, mode in self._goals:
            new = reached_in(list(_records(lines, metric)), {}, metric, mode)
            if new is not None:
                old = self.reached.get((metric, mode))
                self.reached[metric, mode] = new if old is None else _joined(old, new, mode)
        self.step = (_last_record(lines) or {}).get("step", self.step)

    def _forget(self) -> None:
        self.step, self.reached = None, {}
        self._file = Growing(self._path)


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
        record = parsed(lines[lines.rfind(b"\n", 0, at) + 1 : end])
        if record is not None and isinstance(record.get(metric), int | float):
            yield record
        at = lines.find(name, end)


def _last_record(lines: bytes) -> dict[str, Any] | None:
    whole = lines[-TAIL : lines.rfind(b"\n") + 1]
    return next((record for line in reversed(whole.splitlines()) if (record := parsed(line))), None)


def _joined(old: Reached, new: Reached, mode: str) -> Reached:
    """What was reached in both parts of a file."""
    sign = 1 if mode == "min" else -1
    finite = [part for part in (old, new) if math.isfinite(part.best)]
    best = min(finite or [new], key=lambda part: sign * part.best)
    return new._replace(best=best.best, best_step=best.best_step)
