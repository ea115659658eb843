"""trackio, really run: read by its own storage."""

import json
import os
from pathlib import Path

import pytest

from gpt_exp.logger.trackio import _at
from gpt_exp.run.lines import read_metrics

pytest.importorskip("trackio")


@pytest.fixture
def storage(tmp_path, monkeypatch):
    """trackio reads where its files lie once a process."""
    from trackio import sqlite_storage, utils

    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    for module in (sqlite_storage, utils):
        monkeypatch.setattr(module, "TRACKIO_DIR", tmp_path / "trackio")
    return sqlite_storage.SQLiteStorage


def test_runs_are_complete(train_all, storage, monkeypatch, capsys):
    from huggingface_hub import HfApi

    monkeypatch.setenv("HF_TOKEN", "hf_xxx")
    monkeypatch.setenv("TRACKIO_SPACE_ID", "somebody/space")  # It stays local.
    monkeypatch.setattr(HfApi, "whoami", lambda *_, **__: 1 / 0)
    folders, go_on = train_all("logger=[trackio]")
    ids = {run["name"]: run["id"] for run in storage.get_run_records("gpt-exp")}
    assert list(ids) == ["demo/one", "demo/two", "demo/broken"]
    configs = {name: storage.get_run_config("gpt-exp", run_id=ids[name]) for name in ids}
    assert {config["_Group"] for config in configs.values()} == {"demo/1"}
    assert [configs[name]["seed"] for name in ids] == [1, 2, 3]
    logs = {name: storage.get_logs("gpt-exp", run_id=ids[name]) for name in ids}
    assert [logs[name][-1]["state"] for name in ids] == ["finished", "finished", "failed"]
    results = json.loads(folders[0].results.read_text())
    assert logs["demo/one"][-2]["results/test/loss"] == results["test"]["loss"]
    (alert,) = storage.get_alerts("gpt-exp")
    assert (alert["run"], alert["level"]) == ("demo/broken", "error")
    assert "broken on purpose" in alert["text"]

    go_on()
    logs = storage.get_logs("gpt-exp", run_id=ids["demo/broken"])
    assert logs[-1]["state"] == "finished"
    for name in ("train/loss", "val/loss"):
        logged = [(row["step"], row[name]) for row in read_metrics(folders[-1].metrics) if name in row]
        assert [(row["step"], row[name]) for row in logs if name in row] == logged
    assert len(storage.get_run_records("gpt-exp")) == 3
    assert "Uploading" not in capsys.readouterr().out


def test_a_run_says_nothing_to_the_next_one_of_its_process(tmp_path, monkeypatch):
    monkeypatch.delenv("TRACKIO_DIR", raising=False)
    with pytest.raises(OSError, match="disk full"), _at(tmp_path):
        assert os.environ["TRACKIO_DIR"] == str(tmp_path)
        raise OSError("disk full")
    assert "TRACKIO_DIR" not in os.environ
    monkeypatch.setenv("TRACKIO_DIR", "mine")
    with _at(tmp_path):
        pass
    assert os.environ["TRACKIO_DIR"] == "mine"


def test_equal_names_are_different_runs(train, storage):
    """As of two sweeps with the same first job."""
    for outputs in ("a", "b"):
        train(
            "logger=[trackio]",
            "callback=[checkpoint,samples]",
            "trainer.max_steps=1",
            name=f"{outputs}/demo/0",
        )
    runs = storage.get_run_records("gpt-exp")
    assert [run["name"] for run in runs] == ["demo/0", "demo/0"]
    assert len({run["id"] for run in runs}) == 2
    assert Path(storage.get_project_db_path("gpt-exp")).exists()
