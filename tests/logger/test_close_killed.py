"""The tracked runs of a job that was killed end in the state that its sweep gives it, once."""

import signal
import subprocess
from time import monotonic

import pytest
import wandb_file
from hparams import table
from killing import killed_at

from gpt_exp.logger import close_killed as module
from gpt_exp.logger.close_killed import close_killed
from gpt_exp.run.lines import read_metrics

REASON = "killed by SIGKILL"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_tracker_of_a_killed_job_is_closed(new_run, tmp_path, monkeypatch):
    pytest.importorskip("mlflow")
    pytest.importorskip("trackio")
    folder = new_run(
        "logger=[tensorboard,mlflow,trackio,wandb]",
        "callback=[checkpoint,samples]",
        "callback.checkpoint.every_n_steps=20",
        "trainer.max_steps=1000",
    )
    assert killed_at(folder, 30) == -signal.SIGKILL
    logged = [(row["step"], row["train/loss"]) for row in read_metrics(folder.metrics)]
    close_killed(folder, "failed", REASON)
    assert table(tmp_path)[0]["run/tensorboard"][0] == "STATUS_FAILURE"
    assert in_mlflow(tmp_path, folder) == ("FAILED", "failed", REASON, logged)
    assert in_trackio(tmp_path, folder, monkeypatch) == (["failed"], REASON, logged)
    (file,) = folder.path.glob("wandb/offline-run-*/*.wandb")
    run = wandb_file.read(file)
    assert (run.exit_code, run.summary["state"], run.summary["reason"]) == (1, "failed", REASON)

    monkeypatch.setattr(subprocess, "run", lambda *_, **__: 1 / 0)
    close_killed(folder, "failed", REASON)  # It is done.


def in_mlflow(outputs, folder):
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{outputs}/mlflow/mlflow.db")
    run = client.get_run((folder.path / "mlflow_run_id").read_text())
    losses = client.get_metric_history(run.info.run_id, "train/loss")
    tags = run.data.tags
    return run.info.status, tags["state"], tags["reason"], [(point.step, point.value) for point in losses]


def in_trackio(outputs, folder, monkeypatch):
    from trackio import sqlite_storage

    monkeypatch.setattr(sqlite_storage, "TRACKIO_DIR", outputs / "trackio")
    run_id = (folder.path / "trackio_run_id").read_text()
    rows = sqlite_storage.SQLiteStorage.get_logs("gpt-exp", run_id=run_id)
    losses = [(row["step"], row["train/loss"]) for row in rows if "train/loss" in row]
    return [row["state"] for row in rows if "state" in row], rows[-1]["reason"], losses


def test_nothing_is_started_for_a_run_that_closed_its_own(train, monkeypatch):
    folder = train("logger=[tensorboard]", "callback=[checkpoint,samples]", "trainer.max_steps=2")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: 1 / 0)
    close_killed(folder, "failed", REASON)


def test_a_tracker_that_does_not_answer_costs_a_limited_time(new_run, monkeypatch):
    folder = new_run("logger=[tensorboard]")
    (folder.path / "RunTensorBoardLogger.open").touch()
    monkeypatch.setattr(module, "TIMEOUT", 0.2)
    began = monotonic()
    close_killed(folder, "failed", REASON)
    assert monotonic() - began < 5


def test_a_job_that_lives_keeps_its_trackers(new_run):
    folder = new_run("logger=[tensorboard]")
    (folder.path / "RunTensorBoardLogger.open").touch()
    with folder.lock():
        close_killed(folder, "failed", REASON)
    assert not (folder.path / "tensorboard").exists()
    assert "is in use" in folder.console.read_text()
