"""A sweep of tiny runs by the command line, and a SLURM cluster of two nodes on this machine for it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from gpt_exp.run.folder import RunFolder
from gpt_exp.sweep.folder import SweepFolder

ASSETS = Path(__file__).parents[1] / "assets"
NEEDED = ("slurmctld", "slurmd", "munged", "sbatch", "srun")
TINY = [
    "data=text",
    f"data.paths=[{ASSETS / 'public_domain.txt'}]",
    "split={val_fraction: 0.1, test_fraction: 0.1, by: tail}",
    "tokenizer=byte",
    "model.num_layers=2",
    "model.num_heads=2",
    "model.embedding_dim=32",
    "model.context_length=32",
    "batch_size=4",
    "callback=[checkpoint]",
    "logger=none",
    "trainer.precision=32-true",
    "trainer.log_every_n_steps=1",
    "trainer.limit_val_batches=1",
]


class Sweep:
    """`gpt-exp train -m ...` in a folder of its own; the same command again goes on with it."""

    def __init__(self, outputs: Path, environment: dict[str, str], overrides: list[str]) -> None:
        self.command = [sys.executable, "-m", "gpt_exp", "train", "-m", *TINY, f"paths.outputs={outputs}"]
        self.command += overrides
        self.environment = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
        self.outputs = outputs
        self.started: list[subprocess.Popen[str]] = []

    def start(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            self.command,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.started.append(process)
        return process

    def run(self) -> str:
        """What it printed; it must end well."""
        process = self.start()
        printed, _ = process.communicate(timeout=240)
        assert process.returncode == 0, printed
        return printed

    @property
    def folder(self) -> SweepFolder:
        (found,) = self.outputs.glob("sweeps/*/*/sweep.json")
        return SweepFolder(found.parent)

    def runs(self) -> list[RunFolder]:
        return [self.folder.run(job) for job in self.folder.jobs()]

    def losses(self, number: int) -> dict[int, float]:
        """Of one job, by step."""
        return losses(RunFolder(self.folder.path / f"{number:04d}"))

    def wait_for_steps(self, number: int, least: int) -> None:
        """Until the job is in the middle of its training."""
        wait_for(lambda: any(self.outputs.glob(f"sweeps/*/*/{number:04d}/metrics.jsonl")))
        wait_for(lambda: len(self.losses(number)) >= least)


def losses(run: RunFolder) -> dict[int, float]:
    """Of a run's training, by step; no step may be logged twice."""
    if not run.metrics.exists():
        return {}
    lines = [line for line in run.metrics.read_text().splitlines(keepends=True) if line.endswith("\n")]
    found = [(line["step"], line["train/loss"]) for line in map(json.loads, lines) if "train/loss" in line]
    assert len(found) == len(dict(found))
    return dict(found)


def wait_for(condition: Any, seconds: float = 120.0) -> None:
    give_up = monotonic() + seconds
    while not condition():
        assert monotonic() < give_up, "it does not come"
        sleep(0.1)


@pytest.fixture(name="losses")
def losses_of():
    return losses


@pytest.fixture
def alone(tmp_path):
    """Train a run of these overrides here, as one process."""

    def train(*overrides: str) -> RunFolder:
        folder = tmp_path / "alone"
        paths = [f"paths.outputs={tmp_path / 'outputs'}", f"paths.run={folder}"]
        command = [sys.executable, "-m", "gpt_exp", "train", *TINY, *paths, *overrides]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=240)
        return RunFolder(folder)

    return train


@pytest.fixture
def sweep(tmp_path):
    """Make a sweep of these overrides."""
    made = []

    def make(*overrides: str, **environment: str) -> Sweep:
        made.append(Sweep(tmp_path / "outputs", environment, list(overrides)))
        return made[-1]

    yield make
    for process in (process for each in made for process in each.started):
        if process.poll() is None:
            process.kill()
            process.communicate()


@pytest.fixture(scope="module")
def slurm(tmp_path_factory) -> Iterator[dict[str, str]]:
    """The environment in which SLURM's commands find the cluster."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    if not os.environ.get("GPT_EXP_CLUSTER_TESTS"):
        pytest.skip("GPT_EXP_CLUSTER_TESTS=1 lets it start munged, slurmctld and two slurmd here")
    if missing := [name for name in NEEDED if shutil.which(name, path=path) is None]:
        pytest.skip(f"no {', '.join(missing)}: apt install slurmctld slurmd slurm-client munge")
    if os.geteuid() != 0:
        pytest.skip("only root starts a SLURM cluster")
    script, folder = Path(__file__).parent / "slurm.sh", tmp_path_factory.mktemp("slurm")
    subprocess.run([script, "start", folder], check=True, timeout=60)
    yield {"SLURM_CONF": str(folder / "slurm.conf")}
    subprocess.run([script, "stop", folder], check=True, timeout=60)
