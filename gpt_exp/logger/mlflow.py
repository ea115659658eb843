"""MLflow: into a local SQLite file, or a tracking server."""

from __future__ import annotations

import fcntl
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import time
from typing import Any

from gpt_exp.errors import UserError
from gpt_exp.logger.description import hyperparameters, need, run_name
from gpt_exp.logger.tracker import Tracker, Values
from gpt_exp.run import durable
from gpt_exp.run.folder import RunFolder, read_json

BUSY_SECONDS = 60  # That a job waits while other jobs of its sweep write.
STATUSES = {"finished": "FINISHED", "failed": "FAILED"}
MAX_PARAMETERS = 100  # In one call: MLflow's limit.
GONE = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")  # The second is of a run that was deleted.
SETTINGS = {  # Of the client, unless the user has set them: no word to its makers, short waits in training.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}


class RunMLflowLogger(Tracker):
    """The project is the experiment; settings are parameters; group, commit, state and reason are tags.

    The store is `tracking_uri`, else MLFLOW_TRACKING_URI, else SQLite in `directory` (MLflow has given up its
    store of plain files). A run that was stopped or pruned is KILLED, as MLflow calls it.
    """

    def __init__(
        self,
        *,
        path: str | Path,
        directory: str | Path,
        project: str = "gpt-exp",
        tracking_uri: str | None = None,
        group: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(path)
        need("mlflow", "mlflow")
        self._directory = Path(directory).absolute()
        self._uri = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI")
        self._project = project
        self._tags = {**(tags or {}), **({"group": group} if group else {})}
        self._id = ""
        # The steps that an earlier process logged, by metric; None until the store has told them.
        self._known: dict[str, set[int]] | None = None

    def _open(self, step: int) -> Any:
        for name, value in SETTINGS.items():
            os.environ.setdefault(name, value)
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException

        id_file = self.folder.path / "mlflow_run_id"
        self._id = id_file.read_text().strip() if id_file.exists() else ""
        store = f"sqlite:///{self._directory}/mlflow.db?timeout={BUSY_SECONDS}"
        try:
            with _in_turn(self._directory), warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # MLflow's own use of SQLAlchemy.
                client = MlflowClient(self._uri or store)
                experiment = "" if self._id else self._experiment(client)
            if not self._id:
                self._begin(client, experiment)
            self._go_on(client)
        except MlflowException as error:
            if not self._id:
                raise UserError(f"logger=[mlflow]: {error}") from error
            self._fall_behind(error)  # It was there: it will be again.
        return client

    def _experiment(self, client: Any) -> str:
        found = client.get_experiment_by_name(self._project)
        if found is not None:
            return found.experiment_id
        artifacts = None if self._uri else (self._directory / "artifacts").as_uri()
        return client.create_experiment(self._project, artifact_location=artifacts)

    def _begin(self, client: Any, experiment: str) -> None:
        commit = read_json(self.folder.git).get("commit")
        tags = {**self._tags, **({"mlflow.source.git.commit": commit} if commit else {})}
        self._id = client.create_run(experiment, run_name=run_name(self.folder), tags=tags).info.run_id
        durable.write_file(self.folder.path / "mlflow_run_id", self._id)

    def _go_on(self, client: Any) -> None:
        """With the MLflow run of this folder, or with a new one in a store that does not have it."""
        if not _runs_again(client, self._id):
            self._begin(client, self._experiment(client))
        data = client.get_run(self._id).data
        _log_parameters(client, self._id, self.folder, known=data.params)
        self._known = {
            name: {value.step for value in client.get_metric_history(self._id, name)} for name in data.metrics
        }

    def _has(self, name: str, step: int) -> bool:
        return self._known is not None and step in self._known.get(name, ())

    def _write(self, metrics: Values, step: int) -> None:
        from mlflow.entities import Metric

        if self._known is None:
            self._go_on(self.experiment)
        now = int(time() * 1000)  # Milliseconds.
        new = {name: float(value) for name, value in metrics.items() if not self._has(name, step)}
        values = [Metric(name, value, now, step) for name, value in new.items()]
        self.experiment.log_batch(self._id, metrics=values)

    def _summarize(self, values: Values) -> None:
        words = {name: value for name, value in values.items() if isinstance(value, str)}
        self._write({name: value for name, value in values.items() if name not in words}, self._step)
        for name, word in words.items():
            self.experiment.set_tag(self._id, name, word)

    def _end(self, state: str) -> None:
        self.experiment.set_terminated(self._id, STATUSES.get(state, "KILLED"))


@contextmanager
def _in_turn(directory: Path) -> Iterator[None]:
    """Let the jobs of a sweep make database and experiment one after another: MLflow does not see to it."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / ".lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _runs_again(client: Any, run_id: str) -> bool:
    """Set a run going; whether the store has it, and nobody has deleted it."""
    from mlflow.exceptions import MlflowException

    try:
        client.update_run(run_id, status="RUNNING")
    except MlflowException as error:
        if error.error_code not in GONE:
            raise
        return False
    return True


def _log_parameters(client: Any, run_id: str, folder: RunFolder, known: Mapping[str, str]) -> None:
    """All that are missing: a job may have been killed before it had told them."""
    from mlflow.entities import Param

    settings = hyperparameters(folder.config())
    parameters = [Param(name, str(value)) for name, value in settings.items() if name not in known]
    for start in range(0, len(parameters), MAX_PARAMETERS):
        client.log_batch(run_id, params=parameters[start : start + MAX_PARAMETERS])
