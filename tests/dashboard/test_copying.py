"""What other libraries are given of a run."""

import shutil

import pytest

from gpt_exp.dashboard.copying import Copier


@pytest.fixture
def copied(outputs):
    """A copier, and by run what it has written."""
    written = {}

    def write(id, folder, new):
        written.setdefault(id, []).extend(new)

    return Copier(outputs, lambda id, folder: "not_this" not in id, write), written


def test_each_line_is_copied_once_also_of_a_run_that_goes_on(copied, make_run, log_step):
    copier, written = copied
    folder = make_run("name/time", "running", step=20)
    make_run("not_this/time")
    copier.copy()
    copier.copy()
    assert set(written) == {"name/time"}
    assert len(written["name/time"]) == 6  # Two steps of three lines.
    log_step(folder, 30)
    copier.copy()
    assert sorted(each.step for each in written["name/time"]) == [10] * 3 + [20] * 3 + [30] * 3
    values = {name: value for each in written["name/time"] for name, value in each.values.items()}
    assert values["speed/elapsed_seconds"] == 15.0
    assert "step" not in values


def test_times_are_the_start_and_the_training_since(copied, make_run):
    copier, written = copied
    make_run("name/time", step=20, created="1970-01-01T01:00:00+01:00")
    copier.copy()
    assert {(each.step, each.time) for each in written["name/time"]} == {(10, 5.0), (20, 10.0)}


@pytest.mark.filterwarnings("ignore")
def test_a_damaged_run_keeps_no_other_away(copied, make_run, caplog):
    copier, written = copied
    make_run("damaged/time").metrics.write_text("[1]\n")
    make_run("name/time")
    copier.copy()
    copier.copy()
    assert set(written) >= {"name/time"}
    assert len(caplog.records) == 1


def test_a_run_that_goes_away_is_nothing_to_copy(copied, make_run):
    copier, written = copied
    folder = make_run("name/time")
    copier.copy()
    shutil.rmtree(folder.path)
    copier.copy()
    assert len(written["name/time"]) == 12
