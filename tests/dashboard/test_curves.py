"""Curves of chosen runs: their names, and what is read of them."""

import json

import pytest

from gpt_exp.dashboard import curves
from gpt_exp.dashboard.curves import Curves, names
from gpt_exp.dashboard.index import Outputs
from gpt_exp.sweep.folder import Objective


@pytest.fixture
def chosen(outputs):
    """The entries of these runs, in this order."""
    watched = Outputs(str(outputs), Objective("val/loss", "minimize"))
    return lambda *ids: [watched.index().runs[id] for id in ids]


def test_runs_are_named_by_what_sets_their_command_lines_apart(make_run, chosen):
    make_run("name/a", overrides=("seed=1", "model=x"))
    make_run("name/b", overrides=("seed=2", "model=x"))
    make_run("name/c", overrides=("model=x",))
    assert names(chosen("name/a", "name/b", "name/c")) == ["seed=1", "seed=2", "c"]


def test_runs_of_one_command_line_are_named_by_their_folders_too(make_run, chosen):
    make_run("name/a", overrides=("seed=1",))
    make_run("name/b", overrides=("seed=1",))
    make_run("name/c", overrides=("seed=2",))
    assert names(chosen("name/a", "name/b", "name/c")) == ["a seed=1", "b seed=1", "c seed=2"]


def test_a_long_run_is_thinned_but_for_its_validations(make_run, chosen, monkeypatch):
    monkeypatch.setattr(curves, "MAX_RECORDS", 10)
    folder = make_run("name/a", step=0)
    make_run("name/b")
    with folder.metrics.open("w") as file:
        for step in range(1000):
            record = {"step": step, "train/loss": 1.0} | ({"val/loss": 2.0} if step % 50 == 0 else {})
            file.write(json.dumps(record) + "\n")
    drawn = Curves().figures(chosen("name/a", "name/b"))
    num_points = {heading: len(json.loads(figure)["data"][0]["x"]) for heading, figure in drawn.items()}
    assert num_points["val/loss"] == 20
    assert 10 <= num_points["train/loss"] <= 30


def test_what_a_run_logs_later_is_drawn(make_run, chosen, log_step):
    folder = make_run("name/a")
    make_run("name/b")
    drawn = Curves()
    before = drawn.figures(chosen("name/a", "name/b"))
    assert drawn.figures(chosen("name/a", "name/b")) == before
    log_step(folder, 50)
    assert drawn.figures(chosen("name/a", "name/b")) != before
