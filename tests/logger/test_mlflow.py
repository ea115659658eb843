"""MLflow, really run into SQLite: read by its own client."""

import json
import os
import subprocess
import sys

import pytest

from gpt_exp.errors import UserError
from gpt_exp.logger import mlflow as module
from gpt_exp.logger.mlflow import RunMLflowLogger
from gpt_exp.run.lines import read_metrics

pytest.importorskip("mlflow")
SCRIPT = """
import sys
from gpt_exp.logger.mlflow import RunMLflowLogger
path, directory = sys.argv[1:]
tracker = RunMLflowLogger(path=path, directory=directory)
tracker.start(0)
for step in range(1, 30):
    tracker.log_metrics({"train/loss": 1.0 / step, "lr": 0.1}, step)
assert not tracker._waiting
tracker.close("finished")
"""


@pytest.fixture
def runs(tmp_path):
    """All runs of an experiment by name, with a function for a metric's history."""
    from mlflow import MlflowClient

    def read(project="gpt-exp"):
        client = MlflowClient(f"sqlite:///{tmp_path}/mlflow/mlflow.db")
        experiment = client.get_experiment_by_name(project)
        found = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
        return found, lambda run, name: [
            (value.step, value.value) for value in client.get_metric_history(run.info.run_id, name)
        ]

    return read


@pytest.mark.slow  # MLflow makes its database by many migrations.
def test_runs_are_complete(train_all, runs):
    folders, go_on = train_all("logger=[mlflow]", "logger.mlflow.tags={team: a}")
    found, _ = runs()
    one, two, broken = (found[f"demo/{name}"] for name in ("one", "two", "broken"))
    assert len(found) == 3
    assert [run.info.status for run in (one, two, broken)] == ["FINISHED", "FINISHED", "FAILED"]
    assert "broken on purpose" in broken.data.tags["reason"]
    git = json.loads(folders[0].git.read_text())
    tags = {"group": "demo/1", "team": "a", "mlflow.source.git.commit": git["commit"], "state": "finished"}
    assert tags.items() <= one.data.tags.items()
    assert (two.data.params["optimizer"], two.data.params["seed"]) == ("muon", "2")
    results = json.loads(folders[0].results.read_text())
    assert one.data.metrics["results/test/loss"] == results["test"]["loss"]
    assert one.data.metrics["best/val/loss"] == json.loads(folders[0].best.read_text())["value"]

    go_on()
    found, history = runs()
    assert len(found) == 3
    assert found["demo/broken"].info.status == "FINISHED"
    assert found["demo/broken"].data.tags["reason"] == ""
    for name in ("train/loss", "val/loss"):
        logged = [(row["step"], row[name]) for row in read_metrics(folders[-1].metrics) if name in row]
        assert history(found["demo/broken"], name) == logged


def test_an_unknown_server_is_told_in_a_line(new_run, keep_process_state):
    from gpt_exp import job

    folder = new_run("logger=[mlflow]", "logger.mlflow.tracking_uri=nonsense://x")
    with pytest.raises(UserError, match=r"logger=\[mlflow\]: .*nonsense"):
        job.run_noted(folder)
    assert folder.status()["state"] == "failed"


@pytest.fixture
def tracker(new_run, tmp_path):
    """A tracked run that was begun, and what goes on with it in a new process."""
    folder = new_run("logger=[mlflow]", name="demo/one")

    def make():
        return RunMLflowLogger(path=folder.path, directory=tmp_path / "mlflow")

    return make


@pytest.mark.slow
def test_a_run_goes_on_when_its_server_is_away_at_the_start(tracker, runs, monkeypatch):
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    first = tracker()
    first.start(0)
    first.log_metrics({"train/loss": 1.0}, 1)
    update_run = MlflowClient.update_run

    def away(*_, **__):
        raise MlflowException("no answer")

    monkeypatch.setattr(MlflowClient, "update_run", away)
    second = tracker()
    second.start(1)
    second.log_metrics({"train/loss": 0.5}, 2)
    monkeypatch.setattr(MlflowClient, "update_run", update_run)
    second.close("finished")
    found, history = runs()
    assert [run.info.status for run in found.values()] == ["FINISHED"]
    assert history(found["demo/one"], "train/loss") == [(1, 1.0), (2, 0.5)]


@pytest.mark.slow
def test_parameters_that_a_kill_kept_back_are_told_by_the_next_process(tracker, runs, monkeypatch):
    with monkeypatch.context() as killed, pytest.raises(KeyboardInterrupt):
        killed.setattr(module, "_log_parameters", interrupted)
        tracker().start(0)
    again = tracker()
    again.start(0)
    again.close("finished")
    found, _ = runs()
    assert len(found) == 1
    assert found["demo/one"].data.params["optimizer"] == "adamw"


def interrupted(*_, **__):
    raise KeyboardInterrupt


@pytest.mark.slow
@pytest.mark.parametrize("how", ["deleted", "unknown"])
def test_a_run_that_the_store_lost_is_begun_anew(tracker, how, tmp_path):
    from mlflow import MlflowClient

    first = tracker()
    first.start(0)
    first.close("stopped")
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow/mlflow.db")
    if how == "deleted":
        client.delete_run(first._id)
    else:
        (first.folder.path / "mlflow_run_id").write_text("0" * 32)
    second = tracker()
    second.start(0)
    second.close("finished")
    assert second._id not in (first._id, "0" * 32)
    assert client.get_run(second._id).info.status == "FINISHED"


@pytest.mark.slow
def test_jobs_that_start_at_once_share_a_store(new_run, tmp_path, runs):
    folders = [new_run("logger=[mlflow]", name=f"demo/{number}") for number in range(3)]
    commands = [
        [sys.executable, "-c", SCRIPT, str(folder.path), str(tmp_path / "mlflow")] for folder in folders
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    jobs = [subprocess.Popen(command, env=environment) for command in commands]
    assert [job.wait(timeout=200) for job in jobs] == [0] * 3
    found, history = runs()
    assert sorted(found) == [f"demo/{number}" for number in range(3)]
    for run in found.values():
        assert [step for step, _ in history(run, "lr")] == list(range(1, 30))
