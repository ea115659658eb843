"""SLURM's queue as squeue tells it; tests/cluster asks a real one."""

import os
from pathlib import Path

import pytest

from gpt_exp.errors import UserError
from gpt_exp.sweep.cluster import slurm


@pytest.fixture
def squeue(tmp_path, monkeypatch):
    """A command `squeue` that prints a file and counts its calls; a `scancel` that notes its arguments."""
    scripts = {
        "squeue": f"echo x >> {tmp_path}/asked; cat {tmp_path}/told",
        "scancel": f'echo "$@" >> {tmp_path}/cancelled',
    }
    for name, script in scripts.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(slurm, "ASK_SECONDS", 0.0)
    return tmp_path


def tell(squeue: Path, *lines: str) -> None:
    (squeue / "told").write_text("".join(f"{line}\n" for line in lines))


def test_jobs_of_an_array_and_single_ones_are_found_by_name_and_place(squeue):
    tell(squeue, "grid|0|7_0|RUNNING", "grid|1|7_1|PENDING", "trial|N/A|8|COMPLETED")
    queue = slurm.Queue()
    assert queue.find("grid", 0) == slurm.Entry("7_0", "RUNNING")
    assert queue.find("grid", 1) == slurm.Entry("7_1", "PENDING")
    assert queue.find("trial", 0) == slurm.Entry("8", "COMPLETED")
    assert queue.find("grid", 2) is None


@pytest.mark.parametrize("state", ["PENDING", "RUNNING", "COMPLETING", "SUSPENDED", "REQUEUED"])
def test_what_may_still_run_is_not_over(state):
    assert not slurm.Entry("7", state).is_over


@pytest.mark.parametrize("state", ["COMPLETED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY"])
def test_what_has_left_is_over(state):
    assert slurm.Entry("7", state).is_over


def test_the_controller_is_not_asked_again_at_once(squeue, monkeypatch):
    monkeypatch.setattr(slurm, "ASK_SECONDS", 60.0)
    tell(squeue, "grid|0|7_0|RUNNING")
    queue = slurm.Queue()
    for _ in range(5):
        queue.find("grid", 0)
    assert (squeue / "asked").read_text() == "x\n"


def test_without_an_answer_the_last_one_counts(squeue):
    tell(squeue, "grid|0|7_0|RUNNING")
    queue = slurm.Queue()
    queue.find("grid", 0)
    (squeue / "told").unlink()
    assert queue.find("grid", 0) == slurm.Entry("7_0", "RUNNING")


def test_what_must_be_known_for_sure_is_an_error_without_an_answer(squeue):
    """Else a job could be started a second time."""
    with pytest.raises(UserError, match=r"squeue: .*No such file"):
        slurm.Queue().find("grid", 0, surely=True)


def test_a_job_is_cancelled_by_its_id(squeue):
    tell(squeue, "grid|0|7_0|PENDING", "grid|1|7_1|RUNNING")
    queue = slurm.Queue()
    queue.find("grid", 0)
    queue.cancel("grid", 0, waiting=True)
    queue.cancel("grid", 1, waiting=False)
    assert (squeue / "cancelled").read_text() == "--state=PENDING 7_0\n7_1\n"
