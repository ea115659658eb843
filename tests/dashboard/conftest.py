"""Small outputs as runs and sweeps leave them, without training."""

import json
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from gpt_exp.run.folder import RunFolder
from gpt_exp.sweep.folder import Job, Objective, SweepFolder

OBJECTIVE = Objective("val/loss", "minimize")


def write_run(
    path: Path,
    state: str = "finished",
    *,
    step: int = 40,
    max_steps: int = 100,
    lowest: float = 2.0,
    overrides: tuple[str, ...] = ("optimizer.lr=0.01",),
    created: str = "2026-01-02T03:04:05+00:00",
    **status: str,
) -> RunFolder:
    """A run folder without checkpoints."""
    folder = RunFolder(path)
    path.mkdir(parents=True, exist_ok=True)
    folder.environment.write_text(json.dumps({"created": created, "argv": ["gpt-exp", "train"]}))
    folder.overrides.write_text(yaml.safe_dump(list(overrides)))
    folder.log.write_text(f"2026-01-02 03:04:05 INFO gpt_exp: log of {path.name}\n")
    for at in range(10, step + 1, 10):
        write_step(folder, at, lowest)
    folder.config_file.write_text(f"name: {path.parent.name}\ntrainer:\n  max_steps: {max_steps}\n")
    if state != "not started":
        folder.set_status(state, step=step, max_steps=max_steps, **status)
    if state == "finished":
        folder.results.write_text(json.dumps({"step": step, "seconds": step / 2, "val": {"loss": lowest}}))
    return folder


def write_step(folder: RunFolder, step: int, lowest: float = 2.0) -> None:
    """What a run logs at a step."""
    loss = lowest + math.exp(-step / 30)
    for file, record in (
        (folder.metrics, {"step": step, "train/loss": loss, "tokens": 1000 * step}),
        (folder.metrics, {"step": step, "val/loss": loss + 0.1}),
        (folder.speed, {"step": step, "speed/tokens_per_second": 1234.0, "speed/elapsed_seconds": step / 2}),
    ):
        with file.open("a") as text:
            text.write(json.dumps(record) + "\n")


def write_sweep(path: Path, states: tuple[str, ...] = ("finished", "failed", "waiting")) -> SweepFolder:
    """A grid over seeds whose jobs are in these states; job i goes down to 2 + i / 10."""
    sweep = SweepFolder(path)
    arguments = ["-m", "experiment=pretrain_demo", f"seed={','.join(map(str, range(len(states))))}"]
    asked = {"arguments": arguments, "key": "0", "objectives": [list(OBJECTIVE)], "search": None}
    command = " ".join(["gpt-exp", "train", *arguments])
    sweep.save_asked({**asked, "command": command, "created": "2026-01-03T00:00:00+00:00"})
    jobs = []
    for i, state in enumerate(states):
        jobs.append(Job(i, f"identity{i}", [f"seed={i}"], run=f"{i:04d}", state=state))
        if state != "waiting":
            reason = {"reason": "it broke"} if state == "failed" else {}
            write_run(path / f"{i:04d}", state, lowest=2 + i / 10, overrides=(f"seed={i}",), **reason)
    sweep.save_jobs(jobs)
    return sweep


@pytest.fixture
def outputs(tmp_path):
    folder = tmp_path / "outputs"
    folder.mkdir()
    return folder


@pytest.fixture
def make_run(outputs):
    """Make a run under `outputs` by its id."""
    return lambda id, state="finished", **known: write_run(outputs / id, state, **known)


@pytest.fixture
def make_sweep(outputs):
    """Make a sweep under `outputs` by its id."""
    return lambda id, *states: write_sweep(outputs / id, *([states] if states else []))


@pytest.fixture
def log_step():
    return write_step


@pytest.fixture
def serve(outputs):
    """Start `gpt-exp dashboard` as a user does; gives its process and its address."""
    started = []

    def start(*overrides: str):
        command = [sys.executable, "-m", "gpt_exp", "dashboard", f"outputs={outputs}", "port=0", *overrides]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        started.append(process)
        assert process.stdout is not None
        said = ""
        while "http://" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        return process, re.search(r"http://[^ ]+", said)[0]

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()
