"""Stages trained in processes of their own: what is run, what is taken as it is, and after kills."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from staged import OF_VERBS, composed_last, planned, write_experiment

from gpt_exp.run import lines
from gpt_exp.run.folder import RunFolder
from gpt_exp.stages.index import Index
from gpt_exp.stages.lineage import read_lineage

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # A process a stage: mostly imports.


@pytest.fixture(autouse=True)
def experiment(tmp_path):
    write_experiment(tmp_path / "conf")


def start(place: Path, *overrides: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "gpt_exp", "train", "--config-dir", "conf", "experiment=staged"]
    return subprocess.Popen([*command, *overrides], cwd=place, stdout=subprocess.PIPE, text=True)


def run(place: Path, *overrides: str) -> list[str]:
    """The console's lines about stages."""
    process = start(place, *overrides)
    printed, _ = process.communicate(timeout=800)
    assert process.returncode == 0
    return [line for line in printed.splitlines() if line.startswith("stage ")]


def how(printed: list[str]) -> dict[str, str]:
    """What became of each stage by the last line about it."""
    return {line.split()[4]: line.split()[5] for line in printed}


def runs(place: Path) -> dict[str, RunFolder]:
    index = Index(place / "outputs/staged")
    return {entry.stage: index.run(entry) for entry in index.entries()}


def weights(place: Path) -> dict[str, str]:
    trained = {name: folder for name, folder in runs(place).items() if folder.checkpoints()}
    files = {name: folder.resolve("last") / "model.safetensors" for name, folder in trained.items()}
    return {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in files.items()}


def steps(folder: RunFolder) -> int:
    records = lines.read(folder.metrics) if folder.metrics.exists() else []
    return records[-1]["step"] if records else -1


def test_only_a_changed_stage_and_what_hangs_on_it_run_again(tmp_path):
    names = ("first", "second", "side", "third")
    assert how(run(tmp_path)) == dict.fromkeys(names, "done")
    begun = {name: folder.status()["updated"] for name, folder in runs(tmp_path).items()}
    assert how(run(tmp_path)) == dict.fromkeys(names, "cached")
    again = how(run(tmp_path, "stages.second.optimizer.lr=2e-3"))
    assert again == {"first": "cached", "second": "done", "side": "cached", "third": "done"}
    kept = {name: runs(tmp_path)[name].status()["updated"] for name in ("first", "side")}
    assert kept == {name: begun[name] for name in kept}
    lineage = read_lineage(runs(tmp_path)["third"])
    assert [(parent.stage, parent.checkpoint) for parent in lineage.parents] == [("second", "step-00000010")]
    written = json.loads((tmp_path / "outputs/staged/stages.json").read_text())["stages"]
    assert [entry["how"] for entry in written] == ["cached", "run", "cached", "run"]
    assert all(entry["seconds"] > 0 and entry["value"] > 0 for entry in written)


def test_killed_in_every_stage_it_ends_with_the_weights_of_one_that_never_was(tmp_path):
    """Also with the data that a stage makes, and the figures and answers of one that evaluates."""
    whole, killed, long = tmp_path / "whole", tmp_path / "killed", "trainer.max_steps=40"
    for place in (whole, killed):
        write_experiment(place / "conf", OF_VERBS)
    run(whole, long)
    for name, stage in planned(killed, long).items():
        folder, process = RunFolder(killed / "outputs/staged" / stage.path.name), start(killed, long)
        while not (folder.state() == "running" and (stage.verb != "train" or steps(folder) >= 3)):
            assert process.poll() is None, f"it ended before it was well in {name}"
            time.sleep(0.002)
        job = int((folder.path / ".lock").read_text().split()[0])
        os.kill(process.pid, signal.SIGKILL)
        os.kill(job, signal.SIGKILL)
        process.communicate()
        assert folder.status()["state"] == "running"  # It had no time to say otherwise.
    *before, last = planned(killed, long)
    assert how(run(killed, long)) == {**dict.fromkeys(before, "cached"), last: "done"}
    assert weights(killed) == weights(whole)
    assert made(killed) == made(whole)
    assert how(run(killed, long)) == dict.fromkeys([*before, last], "cached")


def made(place: Path) -> dict[str, object]:
    """What the stages that do not train leave: data, answers, figures."""
    said, judge = (runs(place)[name] for name in ("said", "judge"))
    figures = json.loads(judge.results.read_text())
    assert figures["test"]["loss"] > 0 and read_lineage(judge).metric == "test/bleu"
    answers = (judge.path / "predictions/test.jsonl").read_text()
    return {
        "data": (said.path / "said.jsonl").read_text(),
        "answers": answers,
        "figures": {name: each for name, each in figures.items() if name != "seconds"},
    }


def test_a_signal_lets_the_running_stage_save_and_the_same_command_goes_on(tmp_path):
    overrides = ["stages.second.trainer.max_steps=20000", "callback.checkpoint.every_n_steps=20000"]
    second = tmp_path / "outputs/staged" / planned(tmp_path, *overrides)["second"].path.name
    process = start(tmp_path, *overrides)
    while steps(RunFolder(second)) < 20:
        assert process.poll() is None
        time.sleep(0.01)
    process.terminate()
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "stopped in second; to go on: the same command" in printed
    folder = RunFolder(second)
    assert folder.state() == "stopped"
    saved = int(folder.resolve("last").name.removeprefix("step-"))
    assert saved >= 20
    assert {e.stage: e.how for e in Index(second.parent).entries()}["second"] == "stopped"


def test_children_of_a_sweep_share_the_stages_before_the_swept_one(tmp_path):
    run(tmp_path, "-m", "stages.third.optimizer.lr=1e-3,2e-3", "sweep.slots=1")
    (sweep,) = (tmp_path / "outputs/sweeps/staged").iterdir()
    jobs = [RunFolder(sweep / name) for name in ("0000", "0001")]
    assert [job.status()["state"] for job in jobs] == ["finished", "finished"]
    assert [job.config().optimizer.lr for job in jobs] == [0.001, 0.002]
    assert len({job.config().init.run for job in jobs}) == 1
    made = sorted(path.name.partition("-")[0] for path in (tmp_path / "outputs/staged").glob("*-*"))
    assert made == ["first", "second"]  # The other does not lead to the last.
    assert jobs[0].resolve("last") != jobs[1].resolve("last")
    again = composed_last(tmp_path, "stages.third.optimizer.lr=1e-3").stages
    assert how(run(tmp_path))["second"] == "cached"
    assert again[1].path.name in {path.name for path in (tmp_path / "outputs/staged").iterdir()}
