"""W&B, really run: offline read from its files, online by a server on the loopback."""

import json
import os
import secrets
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlparse

import pytest
import wandb
import wandb_file
from wandb_server import KEY, WandbServer

from gpt_exp.logger.wandb import RunWandbLogger, resolved_mode
from gpt_exp.run.lines import read_metrics

CANARY = secrets.token_hex(8)


@pytest.fixture
def online(monkeypatch):
    wandb.teardown()  # It reads its settings once a process.
    with WandbServer() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        yield server
        wandb.teardown()


def offline_runs(folder):
    wandb.teardown()  # All is written.
    return [wandb_file.read(path) for path in sorted(folder.path.glob("wandb/offline-run-*/*.wandb"))]


def offline_run(folder):
    (run,) = offline_runs(folder)
    return run


def curve(history, name):
    return {row["_step"]: row[name] for row in history if name in row}


def logged(folder, name):
    return {row["step"]: row[name] for row in read_metrics(folder.metrics) if name in row}


@pytest.mark.slow
def test_offline_runs_are_complete(train_all, monkeypatch):
    monkeypatch.setenv("CANARY_KEY", CANARY)
    monkeypatch.setenv("WANDB_API_KEY", CANARY * 3)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"https://me:{CANARY}@example.org")
    folders, go_on = train_all("logger=[wandb]", "logger.wandb.mode=offline", "logger.wandb.tags=[a,b]")
    runs = [offline_run(folder) for folder in folders]
    assert len({run.id for run in runs}) == 3
    assert [run.name for run in runs] == ["demo/one", "demo/two", "demo/broken"]
    assert {(run.group, run.job_type, *run.tags) for run in runs} == {("demo/1", "train", "a", "b")}
    assert [run.exit_code for run in runs] == [0, 0, 1]
    assert [run.config["seed"] for run in runs] == [1, 2, 3]
    told = json.dumps(runs[0].config)
    assert str(folders[0].path.parent) not in told and "data.paths" not in told and "paths" not in told
    assert runs[-1].summary["state"] == "failed"
    assert "broken on purpose" in runs[-1].summary["reason"]
    for folder, run in zip(folders, runs, strict=True):
        for name in ("train/loss", "val/loss"):
            assert curve(run.history, name) == logged(folder, name)
    results = json.loads(folders[0].results.read_text())
    assert runs[0].summary["results/test/loss"] == results["test"]["loss"]
    assert runs[0].summary["best/val/loss"] == json.loads(folders[0].best.read_text())["value"]
    files = [path for folder in folders for path in folder.path.rglob("*") if path.is_file()]
    assert not any(CANARY.encode() in path.read_bytes() for path in files)

    go_on()
    again = offline_run(folders[-1])
    assert (again.id, again.exit_code, again.summary["state"]) == (runs[-1].id, 0, "finished")
    assert [row["_step"] for row in again.history] == list(range(1, 21))
    assert curve(again.history, "train/loss") == logged(folders[-1], "train/loss")


@pytest.mark.slow
def test_online_runs_are_complete(train_all, online):
    folders, go_on = train_all("logger=[wandb]", "logger.wandb.tags=[a,b]")
    names = [(folder.path / "wandb_run_id").read_text() for folder in folders]
    assert set(online.runs) == set(names)
    runs = [online.runs[name] for name in names]
    for run in runs:
        assert (run.created["groupName"], run.created["jobType"]) == ("demo/1", "train")
        assert run.created["tags"] == ["a", "b"]
    assert [run.exit_codes for run in runs] == [[0], [0], [1]]
    assert [json.loads(run.created["config"])["seed"]["value"] for run in runs] == [1, 2, 3]
    assert "results/test/loss" in runs[0].summary

    go_on()
    assert runs[-1].exit_codes == [1, 0]
    assert [row["_step"] for row in runs[-1].history] == list(range(1, 21))
    assert curve(runs[-1].history, "train/loss") == logged(folders[-1], "train/loss")
    assert runs[-1].summary["state"] == "finished"
    assert not any(f'"{socket.gethostname()}"' in text for text in online.requests)


@pytest.mark.slow
def test_offline_runs_can_be_synced(train_all, online, tmp_path):
    folders, go_on = train_all("logger=[wandb]", "logger.wandb.mode=offline")
    paths = [str(path) for folder in folders for path in folder.path.glob("wandb/offline-run-*")]
    command = [sys.executable, "-m", "wandb", "sync", *paths]
    subprocess.run(command, check=True, capture_output=True, timeout=120, cwd=tmp_path)
    one, two, broken = (online.runs[(folder.path / "wandb_run_id").read_text()] for folder in folders)
    assert [run.created["groupName"] for run in (one, two, broken)] == ["demo/1"] * 3
    assert [run.exit_codes for run in (one, two, broken)] == [[0], [0], [1]]
    assert curve(two.history, "val/loss") == logged(folders[1], "val/loss")
    assert two.summary["results/test/loss"] == json.loads(folders[1].results.read_text())["test"]["loss"]

    go_on()  # What was synced is not appended to.
    ids = [run.id for run in offline_runs(folders[-1])]
    assert len(set(ids)) == 2
    assert (folders[-1].path / "wandb_run_id").read_text() in ids


def test_a_stopped_run_is_killed(new_run, keep_process_state, monkeypatch):
    from gpt_exp import job
    from gpt_exp.module.pretraining import Pretraining

    folder = new_run("logger=[wandb]", "callback=[checkpoint,samples]")
    compute_loss = Pretraining.compute_loss

    def interrupted(self, batch):
        if self.trainer.global_step == 5:
            os.kill(os.getpid(), 15)
        return compute_loss(self, batch)

    monkeypatch.setattr(Pretraining, "compute_loss", interrupted)
    assert job.run(folder) == 128 + 15
    run = offline_run(folder)
    assert (run.exit_code, run.summary["state"], run.summary["reason"]) == (255, "stopped", "SIGTERM")


def test_a_run_that_fails_before_its_first_step_is_there_too(new_run, keep_process_state):
    from gpt_exp import job

    folder = new_run("logger=[wandb]", "model.context_length=100000", "split.test_fraction=0.0")
    with pytest.raises(ValueError, match="context_length"):
        job.run_noted(folder)
    run = offline_run(folder)
    assert (run.exit_code, run.summary["state"]) == (1, "failed")
    assert "context_length" in run.summary["reason"]


def test_the_model_is_uploaded_when_asked(train):
    folder = train("logger=[wandb]", "logger.wandb.log_model=true", "callback.checkpoint.every_n_steps=5")
    uploaded = offline_run(folder).artifacts
    best = json.loads(folder.best.read_text())["step"]
    assert f"checkpoints/step-{best:08d}/model.safetensors" in uploaded
    assert {"config.yaml", "best.json", "tokenizer/tokenizer.json"} <= set(uploaded)


def test_without_a_model_to_upload_it_ends_all_the_same(new_run, capfd, monkeypatch):
    folder = new_run("logger=[wandb]", "logger.wandb.log_model=true", "logger.wandb.mode=offline")
    tracker = RunWandbLogger(path=folder.path, mode="offline", log_model=True)
    tracker.start(0)
    tracker.close("finished")
    assert "wandb sync" in capfd.readouterr().out
    assert offline_run(folder).exit_code == 0
    assert not list(folder.path.glob("*.open"))


@pytest.mark.slow
def test_a_run_that_goes_on_online_leaves_no_offline_file_to_sync(train_all, online):
    folders, go_on = train_all("logger=[wandb]", "logger.wandb.mode=offline")
    config = folders[-1].config()
    config.logger.wandb.mode = "online"
    folders[-1].save_config(config)
    go_on()
    run = online.runs[(folders[-1].path / "wandb_run_id").read_text()]
    assert [row["_step"] for row in run.history] == list(range(1, 21))
    assert not list(folders[-1].path.glob("wandb/offline-run-*"))


def test_disabled_is_silent(train):
    assert not list(train("logger=[wandb]", "logger.wandb.mode=disabled").path.glob("wandb/*run-*"))


def test_auto_is_online_only_with_a_key(monkeypatch):
    assert resolved_mode("auto") == "offline"
    netrc = Path(os.environ["NETRC"])
    for server in ("api.wandb.ai", urlparse(wandb.Settings().base_url).netloc):
        netrc.write_text(f"machine {server} login user password x\n")
        netrc.chmod(0o600)
        assert resolved_mode("auto") == "online"
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example.org:8080")
    assert resolved_mode("auto") == "offline"
    netrc.write_text("machine wandb.example.org:8080 login user password x\n")
    assert resolved_mode("auto") == "online"
    netrc.unlink()
    monkeypatch.setenv("WANDB_API_KEY", "x")
    assert resolved_mode("auto") == "online"
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert resolved_mode("auto") == "disabled"
    assert resolved_mode("offline") == "offline"
    for said, meant in (("dryrun", "offline"), ("run", "online")):
        monkeypatch.setenv("WANDB_MODE", said)
        assert resolved_mode("auto") == meant


def test_a_key_is_found_where_netrc_says_that_it_is(monkeypatch, tmp_path):
    file = tmp_path / "elsewhere"
    file.write_text("machine api.wandb.ai login user password x\n")
    file.chmod(0o600)
    assert resolved_mode("auto") == "offline"
    monkeypatch.setenv("NETRC", str(file))
    assert resolved_mode("auto") == "online"


def test_a_wrong_mode_is_refused(tmp_path):
    with pytest.raises(ValueError, match="not 'onlin'"):
        RunWandbLogger(path=tmp_path, mode="onlin")
