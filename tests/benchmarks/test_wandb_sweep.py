"""The benchmark's judgement of what arrived."""

import pytest
import wandb_sweep
from wandb_file import OfflineRun
from wandb_server import OnlineRun

STEPS = range(1, wandb_sweep.MAX_STEPS + 1)


def arrived(group, exit_code, state, steps=()):
    history = [{"_step": step} for step in steps]
    return OnlineRun({"groupName": group}, history, {"state": state}, [exit_code])


def test_what_arrived_as_it_should_passes():
    runs = [arrived("a", 0, "finished", STEPS) for _ in range(8)] + [arrived("b", 1, "failed")] * 2
    assert not list(wandb_sweep.wrong_on_server(runs, num_failed=2))


@pytest.mark.parametrize(
    "run",
    [arrived("b", 0, "finished", STEPS), arrived("a", 1, "finished", STEPS), arrived("a", 0, "finished")],
)
def test_another_group_exit_code_or_number_of_steps_is_told(run):
    runs = [run, *(arrived("a", 0, "finished", STEPS) for _ in range(7)), *[arrived("b", 1, "failed")] * 2]
    assert list(wandb_sweep.wrong_on_server(runs, num_failed=2))


def test_a_failed_job_must_be_failed():
    runs = [
        OfflineRun(exit_code=code, summary={"state": "failed", "reason": "context_length"}) for code in (1, 0)
    ]
    (told,) = wandb_sweep.wrong_failures(runs)
    assert "exit code 0" in told
