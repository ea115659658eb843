"""Sweeps on a real SLURM: jobs over two nodes in an array, preempted, their sweep killed, none done twice."""

import json
import os
import signal
import subprocess

import pytest

from gpt_exp.sweep.cluster.node import launch_file, note_file

pytestmark = pytest.mark.slow
LENGTH = ["trainer.max_steps=300", "trainer.val_check_interval=150"]
ON_SLURM = ["hydra/launcher=submitit_slurm", "hydra.launcher.partition=debug"]
TWO_NODES = [
    "hydra.launcher.nodes=2",
    "hydra.launcher.tasks_per_node=2",
    'hydra.launcher.setup=["export MASTER_ADDR=127.0.0.1"]',  # The nodes of this cluster have no addresses.
    "trainer=ddp",
    "trainer.accelerator=cpu",
    "trainer.devices=2",
    "trainer.num_nodes=2",
]


def ask(slurm, *command):
    environment = {**os.environ, **slurm}
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


def launch_of(run):
    return json.loads(launch_file(run).read_text())


def test_an_array_of_runs_over_two_nodes_outlives_preemption_and_its_sweep(slurm, sweep, alone, losses):
    """In the middle of the training one job is told to give its machines back, and the sweep is killed."""
    asked = sweep("seed=1,2", *ON_SLURM, *TWO_NODES, *LENGTH, **slurm)
    manager = asked.start()
    asked.wait_for_steps(0, 5)
    array = json.loads(note_file(asked.runs()[0]).read_text())["job"].partition("_")[0]
    ask(slurm, "scancel", "--signal=USR2", f"{array}_0")
    manager.send_signal(signal.SIGKILL)
    manager.communicate()
    asked.run()

    assert [job.state for job in asked.folder.jobs()] == ["finished", "finished"]
    assert len({launch_of(run)["name"] for run in asked.runs()}) == 1  # They were launched once, together.
    for number, run in enumerate(asked.runs()):
        assert json.loads(note_file(run).read_text())["job"] == f"{array}_{number}"
        assert "MEMBER: 4/4" in run.log.read_text()
        assert list(asked.losses(number)) == list(range(1, 301))
    restarts = [ask(slurm, "scontrol", "show", "job", f"{array}_{number}") for number in (0, 1)]
    assert ["Restarts=1" in told for told in restarts] == [True, False]
    assert asked.losses(0) == pytest.approx(losses(alone("seed=1", *LENGTH)), rel=1e-4)

    before = [launch_of(run) for run in asked.runs()]
    asked.run()
    assert [launch_of(run) for run in asked.runs()] == before
