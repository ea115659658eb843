"""stages.json of a staged experiment: which runs are its stages, and what the last command did with each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from gpt_exp.errors import UserError
from gpt_exp.run.durable import write_file
from gpt_exp.run.folder import RunFolder, read_json

FILE = "stages.json"


@dataclass
class Entry:
    """A stage in the index; what it reached stands here too, for whoever reads this file alone."""

    stage: str
    key: str
    folder: str  # Its run folder's name, beside the index.
    how: str = "waiting"  # waiting | cached | running | run | stopped | failed
    seconds: float | None = None
    metric: str = "val/loss"
    value: float | None = None


class Index:
    """The index of one experiment's folder."""

    def __init__(self, experiment: Path) -> None:
        self.experiment = experiment
        self.file = experiment / FILE

    def save(self, command: str, entries: Sequence[Entry]) -> None:
        content = {
            "command": command,
            "updated": datetime.now(UTC).isoformat(timespec="seconds"),
            "stages": [asdict(entry) for entry in entries],
        }
        write_file(self.file, json.dumps(content, indent=1, ensure_ascii=False) + "\n")

    def entries(self) -> list[Entry]:
        try:
            return [Entry(**each) for each in read_json(self.file).get("stages", [])]
        except TypeError as error:
            raise UserError(f"{self.file} is damaged: {error}") from error

    def run(self, entry: Entry) -> RunFolder:
        return RunFolder(self.experiment / entry.folder)
