"""The end of a file that grows: what is added to it, and what stands last."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from gpt_exp.run.lines import record


class Tail:
    """Reads a growing file of JSON lines; a file that was cut back (a resumed run) goes on from there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = 0

    def new(self) -> list[dict[str, Any]]:
        """The whole lines that came since the last call."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            size = file.seek(0, 2)
            self._position = min(self._position, size)
            file.seek(self._position)
            read = file.read()
        whole = read[: read.rfind(b"\n") + 1]
        self._position += len(whole)
        return [found for line in whole.splitlines() if (found := record(line)) is not None]


def end(path: Path, num_bytes: int, *, after: int = 0) -> str:
    """The last of a text that may be long, and only what lies `after` so many bytes."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(after, file.seek(0, os.SEEK_END) - num_bytes))
        return file.read().decode(errors="replace")
