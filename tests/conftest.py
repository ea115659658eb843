"""A tiny real text, and runs of the real configs on it, in this process."""

import pytest
import several_tasks
import sweep_folders
import torch
from hypothesis import settings
from made_runs import PAIRS, TINY, create, process_state_kept, trained

# The same examples in every run: what fails is what was changed.
settings.register_profile("steady", derandomize=True)
settings.load_profile("steady")


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def new_run(tmp_path):
    """Make the run folder for these overrides on the tiny text."""
    return lambda *overrides, name="run": create(tmp_path, name, [*TINY, *overrides])


@pytest.fixture
def new_pairs_run(tmp_path):
    """As `new_run`, for fine-tuning on pairs."""

    def make(*overrides: str, name: str = "run"):
        chosen = {override.partition("=")[0] for override in overrides}
        inherits = "model=run" in overrides  # Then the tokenizer and the sizes are the other run's.
        kept = [
            each
            for each in PAIRS
            if each.partition("=")[0] not in chosen
            and not (inherits and each.startswith(("model.", "tokenizer")))
        ]
        return create(tmp_path, name, [*kept, *overrides])

    return make


@pytest.fixture
def train_pairs(new_pairs_run, keep_process_state):
    """Fine-tune as the job does, in this process; gives the run's folder."""
    return lambda *overrides, name="run": trained(new_pairs_run(*overrides, name=name))


@pytest.fixture
def new_several_run(tmp_path):
    """As `new_run`, for several tasks at once."""

    def make(*overrides: str, names=tuple(several_tasks.TASKS), name: str = "run"):
        return create(tmp_path, name, several_tasks.overrides_of(tmp_path, overrides, names))

    return make


@pytest.fixture
def train_several(new_several_run, keep_process_state):
    """Train several tasks as the job does, in this process; gives the run's folder."""
    return lambda *overrides, **how: trained(new_several_run(*overrides, **how))


@pytest.fixture
def train(new_run, keep_process_state):
    """Train as the job does, in this process; gives the run's folder."""
    return lambda *overrides, name="run": trained(new_run(*overrides, name=name))


@pytest.fixture
def grid_sweep(tmp_path):
    """Write a finished grid over these parameters, without training."""
    folders = tmp_path / "outputs/sweeps/demo/2026-01-01_00-00-00"
    return lambda parameters, **known: sweep_folders.write_sweep(folders, parameters, **known)


@pytest.fixture
def keep_process_state():
    """A job sets up its process's log, signals and generators; put them back."""
    with process_state_kept():
        yield
