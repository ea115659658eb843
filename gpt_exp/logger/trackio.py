"""trackio: W&B's way of logging into a local SQLite file; nothing leaves the machine."""

from __future__ import annotations

import os
import secrets
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from gpt_exp.logger.description import hyperparameters, need, run_name
from gpt_exp.logger.tracker import Tracker, Values
from gpt_exp.run import durable


class RunTrackioLogger(Tracker):
    """Files in `directory`. trackio knows no states: how a run ended is in its last line, a failure an alert.

    `trackio.init` goes by names, and to a Space or a server where environment variables say so; a `Run` goes
    by its id and is local.
    """

    def __init__(
        self, *, path: str | Path, directory: str | Path, project: str = "gpt-exp", group: str | None = None
    ) -> None:
        super().__init__(path)
        need("trackio", "trackio")
        self._directory = Path(directory).absolute()
        self._project = project
        self._group = group
        self._known: dict[str, set[int]] = {}  # The steps that an earlier process logged, by metric.

    def _open(self, step: int) -> Any:
        with _at(self._directory):
            from trackio.run import Run
            from trackio.sqlite_storage import SQLiteStorage

        class LocalRun(Run):
            def _get_username(self) -> None:
                """trackio would ask the Hugging Face hub."""

        SQLiteStorage.validate_project_name(self._project)
        run_id = self._run_id()
        self._known = _known(SQLiteStorage.get_logs(self._project, run_id=run_id))
        return LocalRun(
            url=None,
            client=None,
            project=self._project,
            name=run_name(self.folder),
            run_id=run_id,
            group=self._group,
            config=hyperparameters(self.folder.config()),
            webhook_url=None,
        )

    def _run_id(self) -> str:
        id_file = self.folder.path / "trackio_run_id"
        if not id_file.exists():
            durable.write_file(id_file, secrets.token_hex(16))
        return id_file.read_text().strip()

    def _has(self, name: str, step: int) -> bool:
        return step in self._known.get(name, ())

    def _write(self, metrics: Values, step: int) -> None:
        self.experiment.log(metrics, step=step)

    def _summarize(self, values: Values) -> None:
        from trackio import AlertLevel

        self._write(values, self._step)
        if values.get("state") == "failed":
            with redirect_stdout(None):  # The error is on the terminal already.
                self.experiment.alert("failed", values["reason"], level=AlertLevel.ERROR, step=self._step)

    def _end(self, state: str) -> None:
        with redirect_stdout(None):  # It speaks of an upload.
            self.experiment.finish()


@contextmanager
def _at(directory: Path) -> Iterator[None]:
    """For the import of trackio, which reads there where its files are; later runs may want another place."""
    before = os.environ.get("TRACKIO_DIR")
    os.environ["TRACKIO_DIR"] = str(directory)
    try:
        yield
    finally:
        os.environ.pop("TRACKIO_DIR")
        if before is not None:
            os.environ["TRACKIO_DIR"] = before


def _known(logs: list[dict[str, Any]]) -> dict[str, set[int]]:
    steps: dict[str, set[int]] = defaultdict(set)
    for record in logs:
        for name in record:
            steps[name].add(record["step"])
    return steps
