"""What is added to a file of lines, as it is added."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any


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
        records = []
        for line in whole.splitlines():
            with contextlib.suppress(ValueError):
                records.append(json.loads(line))
        return records
