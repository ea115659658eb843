"""What other libraries are given of a run."""

import shutil

import pytest

from gpt_exp.dashboard.copying import Copier


@pytest.fixture
def copied(outputs):
    """A copier, and by run what it has written."""
    written = {}

    def write(news):
        if news.is_first:
            written[news.id] = []
        written[news.id].extend(news.lines)

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


def test_a_line_that_is_no_record_keeps_no_other_away(copied, make_run):
    copier, written = copied
    folder = make_run("name/time", step=10)
    folder.metrics.write_text("[1]\n" + folder.metrics.read_text())
    folder.speed.write_text('{"step": 10, "speed/elapsed_seconds": NaN}\n')
    copier.copy()
    assert [each.step for each in written["name/time"]] == [10, 10, 10]
    assert all(each.time == each.time for each in written["name/time"])


def test_an_error_that_passes_excludes_no_run_and_is_told_once(outputs, make_run, log_step, caplog):
    written = []

    def write(news):
        written.append((news.is_first, len(news.lines)))
        if len(written) in (1, 2, 4):
            raise OSError("database is locked")

    folder = make_run("name/time", step=10)
    copier = Copier(outputs, lambda id, folder: True, write)
    for _ in range(3):
        copier.copy()
    log_step(folder, 20)
    for _ in range(3):
        copier.copy()
    assert written == [(True, 3)] * 3 + [(False, 3)] + [(True, 6)]
    assert len(caplog.records) == 1


def test_a_run_that_was_not_wanted_is_asked_about_again_when_it_goes_on(outputs, make_run, log_step):
    asked, written = [], []
    folder = make_run("name/time")
    copier = Copier(outputs, lambda id, folder: asked.append(id) or len(asked) > 1, written.append)
    for _ in range(3):
        copier.copy()
    assert (len(asked), written) == (1, [])
    log_step(folder, 50)
    copier.copy()
    assert (len(asked), [news.is_first for news in written]) == (2, [True])


def test_another_run_of_the_same_name_is_copied_from_its_start(copied, make_run):
    copier, written = copied
    folder = make_run("name/time", step=20)
    copier.copy()
    shutil.rmtree(folder.path)
    make_run("name/time", step=40, lowest=1.0)
    copier.copy()
    assert len(written["name/time"]) == 12


def test_a_run_that_goes_away_is_nothing_to_copy(copied, make_run):
    copier, written = copied
    folder = make_run("name/time")
    copier.copy()
    shutil.rmtree(folder.path)
    copier.copy()
    assert len(written["name/time"]) == 12
