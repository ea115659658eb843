"""A job that is killed at once and goes on: every tracker has every step, once, with its value."""

import signal

import pytest
import wandb_file
from killing import killed_at
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from gpt_exp.run.lines import read_metrics

pytest.importorskip("mlflow")
pytest.importorskip("trackio")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


def in_tensorboard(folder):
    events = EventAccumulator(str(folder.path / "tensorboard")).Reload()
    return [(event.step, pytest.approx(event.value)) for event in events.Scalars("train/loss")]


def in_mlflow(folder):
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder.path.parent}/mlflow/mlflow.db")
    run = client.get_run((folder.path / "mlflow_run_id").read_text())
    assert run.info.status == "FINISHED"
    return [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, "train/loss")]


def in_trackio(folder, monkeypatch):
    from trackio import sqlite_storage

    monkeypatch.setattr(sqlite_storage, "TRACKIO_DIR", folder.path.parent / "trackio")
    run_id = (folder.path / "trackio_run_id").read_text()
    rows = sqlite_storage.SQLiteStorage.get_logs("gpt-exp", run_id=run_id)
    return [(row["step"], row["train/loss"]) for row in rows if "train/loss" in row]


def in_wandb(folder):
    (path,) = folder.path.glob("wandb/offline-run-*/*.wandb")
    run = wandb_file.read(path)
    assert run.exit_code == 0
    return [(row["_step"], row["train/loss"]) for row in run.history if "train/loss" in row]


def test_a_killed_job_goes_on_without_gap_or_repetition(new_run, monkeypatch):
    folder = new_run(
        "logger=[tensorboard,mlflow,trackio,wandb]",
        "callback.checkpoint.every_n_steps=20",
        "trainer.max_steps=150",
        "trainer.val_check_interval=25",
    )
    assert killed_at(folder, 50) == -signal.SIGKILL
    assert killed_at(folder, 90) == -signal.SIGKILL
    assert killed_at(folder, None) == 0
    logged = [(row["step"], row["train/loss"]) for row in read_metrics(folder.metrics)]
    assert [step for step, _ in logged] == list(range(1, 151))
    assert in_tensorboard(folder) == logged
    assert in_mlflow(folder) == logged
    assert in_wandb(folder) == logged
    assert in_trackio(folder, monkeypatch) == logged


def test_a_job_speaks_to_no_service_of_another_process(new_run, monkeypatch):
    """A notebook that W&B runs in leaves its address to its children: there a killed job is still in use."""
    monkeypatch.setenv("WANDB_SERVICE", "3-1-unix-/nowhere/socket")
    folder = new_run("logger=wandb", "trainer.max_steps=2")
    assert killed_at(folder, None) == 0
    (path,) = folder.path.glob("wandb/offline-run-*/*.wandb")
    assert wandb_file.read(path).exit_code == 0
