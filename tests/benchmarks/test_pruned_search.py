"""What the benchmark counts as saved."""

from itertools import product

import pruned_search
import pytest
import sweep_folders
from pruned_search import MAX_STEPS, Spent

from gpt_exp.sweep.search.search import Search

JOBS = list(product(*(override.partition("=")[2].split(",") for override in pruned_search.SPACE)))


@pytest.fixture
def grid():
    """Curves that differ at the last step only."""
    keys = [override.partition("=")[0] for override in pruned_search.SPACE]
    return {
        tuple(f"{key}={value}" for key, value in zip(keys, job, strict=True)): [
            *((step, 3.0) for step in range(20, MAX_STEPS, 20)),
            (MAX_STEPS, 2.0 + number / 10),
        ]
        for number, job in enumerate(JOBS)
    }


def test_a_replayed_job_that_has_finished_is_not_pruned(grid, monkeypatch):
    steps, states = [], []
    report, tell = Search.report, Search.tell
    monkeypatch.setattr(Search, "report", lambda *given: steps.append(given[2]) or report(*given))
    monkeypatch.setattr(Search, "tell", lambda *given: states.append(given[2]) or tell(*given))
    spent = pruned_search.replay(grid, ["sweep=tpe", "sweep.num_trials=12"])
    assert (max(steps), set(states)) == (MAX_STEPS - 20, {"finished"})
    assert (spent.jobs, spent.steps) == (12, 12 * MAX_STEPS)


def test_steps_are_those_that_were_trained_not_those_that_were_logged(grid, tmp_path, capsys):
    given = {"optimizer": ["adamw"], "optimizer.lr": ["0.001"], "optimizer.weight_decay": ["0.0"]}
    sweep = sweep_folders.write_sweep(tmp_path / "sweep", given)
    sweep.run(sweep.jobs()[0]).set_status("pruned", step=84)  # Its metrics end at 60.
    pruned_search.tell(grid, sweep)
    told = capsys.readouterr().out
    assert "84 steps" in told
    assert "pruning alone saves 30%" in told


def test_chance_is_told_beside_what_was_found(grid, capsys):
    pruned_search.tell_replays(grid, [Spent(600, 2.0, 12), Spent(600, 2.5, 12)])
    told = capsys.readouterr().out
    assert "1 of them found its best job; 12 jobs drawn by chance have it in 75%" in told
