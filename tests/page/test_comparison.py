"""What runs reached stands side by side, with the best of it marked."""

from pathlib import Path

import pytest

from gpt_exp.page import comparison
from gpt_exp.page.comparison import Result, names
from gpt_exp.run import lines


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["o/sweeps/x/y/0003", "o/sweeps/x/y/0012"], ["0003", "0012"]),
        (["o/sweeps/x/y/0003", "o/sweeps/x/z/0003"], ["y/0003", "z/0003"]),
        (["o/a/2026-11-24_10-00-00", "o/b/2026-11-24_11-00-00"], ["a", "b"]),
        (["o/a/2026-11-24_10-00-00", "o/a/2026-11-24_11-00-00"], ["10-00-00", "11-00-00"]),
        (
            ["o/a/2026-11-24_10-00-00", "o/a/2026-11-25_10-00-00", "o/b/2026-11-25_11-00-00"],
            ["a/2026-11-24_10-00-00", "a/2026-11-25_10-00-00", "b/2026-11-25_11-00-00"],
        ),
        (["one/a/2026-11-24_10-00-00", "two/a/2026-11-24_10-00-00"], ["one/a/10-00-00", "two/a/10-00-00"]),
        (["o/copied", "o/a/2026-11-24_10-00-00"], ["copied", "2026-11-24_10-00-00"]),
    ],
)
def test_names_are_short_and_tell_runs_apart(paths, expected):
    assert names([Path(path) for path in paths]) == expected


def test_final_best_and_last_are_those_of_the_files(new_folder):
    runs = comparison.read([new_folder("a", end=2.0), new_folder("b", end=1.0)])
    lines.append(runs[0].folder.metrics, {"step": 41, "train/loss": 9.0})
    runs = comparison.read([run.folder for run in runs])
    found = {result.name: result for result in comparison.results(runs)}
    assert found["final val/loss"].values == [2.1, 1.1] and found["final val/loss"].best() == {1}
    assert found["best train/loss"].values == pytest.approx([2.025, 1.025])
    assert found["last train/loss"].values == pytest.approx([9.0, 1.025])
    assert found["best = last val/loss"].values == pytest.approx([2.125, 1.125])
    assert found["tokens/s"].values == [128, 128] and found["tokens/s"].best() == set()
    assert found["steps"].values == [41, 40]
    assert not {name for name in found if "gzip" in name or "lr" in name}


def test_a_run_that_has_not_begun_leaves_gaps(new_folder):
    empty = new_folder("b")
    for file in (empty.metrics, empty.speed, empty.results, empty.samples):
        file.unlink()
    runs = comparison.read([new_folder("a"), empty])
    assert all(result.values[1] is None and result.texts()[1] is None for result in comparison.results(runs))
    assert comparison.shared_metrics(runs) == []
    assert comparison.samples(runs) == {"The ": ["a at 40", None]}


@pytest.mark.parametrize(
    ("values", "mode", "best"),
    [
        ([3.0, 1.0, 2.0], "min", {1}),
        ([3.0, 1.0, 3.0], "max", {0, 2}),
        ([3.0, None, float("nan")], "min", set()),
        ([float("nan"), 2.0, 1.0], "min", {2}),
        ([1.0, 1.0], "min", set()),
        ([1.0, 2.0], None, set()),
    ],
)
def test_the_best_is_marked_where_there_is_one(values, mode, best):
    assert Result("x", values, better=mode).best() == best


def test_two_runs_have_a_difference_in_percent():
    assert Result("x", [2.0, 2.5]).change() == "+25.0 %"
    assert Result("x", [2.0, 1.0]).change() == "−50.0 %"
    for values in ([0.0, 1.0], [1.0, None], [None, 1.0], [1.0, float("nan")], [2.0, 2.0], [1.0, 2.0, 3.0]):
        assert Result("x", values).change() == ""


def test_final_metrics_are_those_of_any_run_in_any_order(new_folder):
    folders = [new_folder("a"), new_folder("b")]
    folders[0].results.write_text('{"val": {"loss": 1.0, "accuracy": 0.5}, "test": 3}')
    for given in (folders, folders[::-1]):
        found = {result.name: result.values for result in comparison.results(comparison.read(given))}
        assert set(found["final val/accuracy"]) == {0.5, None}


def test_a_config_is_compared_as_it_was_saved(new_folder, monkeypatch):
    monkeypatch.setenv("SECRET", "canary")
    folder = new_folder("a")
    folder.config_file.write_text("leak: ${oc.env:SECRET}\nmissing: ${nothing}\n")
    (run,) = comparison.read([folder])
    assert run.config == {"leak": "${oc.env:SECRET}", "missing": "${nothing}"}
