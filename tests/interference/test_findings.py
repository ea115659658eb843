"""The numbers of a study, by hand."""

import csv
import json
from math import inf, nan

import pytest

from gpt_exp.interference.findings import Row, analyse, save, spread
from gpt_exp.interference.study import read


def row(alone, together, *, more_is_better=True):
    each = spread(alone), spread(together)
    return Row("", "task", "figure", "test", more_is_better, *each, 80.0, 80.0, 20, 20)


def test_a_spread_over_seeds():
    assert spread([1.0, 3.0]) == (2.0, pytest.approx(2**0.5), 2)
    assert spread([1.0]) == (1.0, None, 1)
    for bad in (nan, inf):
        assert spread([1.0, bad])[1:] == (None, 2) and spread([1.0, bad]).mean != spread([1.0, bad]).mean


def test_a_ratio_below_1_is_harm_whichever_is_better():
    assert row([20.0], [15.0]).ratio == 0.75
    assert row([3.0], [4.0], more_is_better=False).ratio == 0.75
    assert row([0.0], [4.0]).ratio is None
    assert row([4.0], [0.0]).ratio == 0.0
    assert row([4.0], [inf], more_is_better=False).ratio is None


def test_each_task_together_is_compared_with_itself_alone(new_sweep):
    findings = analyse(read([new_sweep().path]))
    translation, chat = findings.rows
    assert translation[:5] == ("", "translation", "bleu", "test", True)
    assert translation.alone == (20.0, pytest.approx(2**0.5), 2)
    assert translation.together.mean == pytest.approx(15.0)
    assert translation.ratio == pytest.approx(0.75)
    assert (chat.metric, chat.more_is_better, chat.ratio) == ("perplexity", False, 1.5)
    assert (chat.examples_alone, chat.examples_together, chat.steps_alone) == (80.0, 60.0, 20)
    assert findings.mean_ratio("") == pytest.approx(1.125)
    told = "examples alone and together differ by more than 5%: translation, chat"
    assert findings.remarks == [told]  # 80 and 60.


def test_a_figure_that_is_0_alone_is_told_and_in_no_mean(new_run):
    runs = [new_run("all", {"translation": 1.0, "chat": 4.0}).path]
    for only, value in (("translation", 0.0), ("chat", 6.0)):
        runs.append(new_run(only, {only: value}, only=only).path)
    findings = analyse(read(runs))
    assert findings.mean_ratio("") == 1.5
    assert "no ratio, for a figure is 0 or no number: translation" in findings.remarks


def test_a_test_split_may_be_called_otherwise(new_run):
    runs = [new_run("all", {"translation": 1.0, "chat": 4.0})]
    runs += [new_run(only, {only: 2.0}, only=only) for only in ("translation", "chat")]
    for run in runs:
        for file in (run.results, run.path / "predictions" / "summary.json"):
            file.write_text(file.read_text().replace("test", "test_2016"))
    assert {each.split for each in analyse(read([run.path for run in runs])).rows} == {"test_2016"}


def test_runs_that_were_evaluated_anew_are_judged_by_that_where_it_is_asked_for(new_run):
    runs = [new_run("all", {"translation": 1.0, "chat": 4.0})]
    runs += [new_run(only, {only: 2.0}, only=only) for only in ("translation", "chat")]
    summary = runs[0].path / "predictions" / "summary.json"
    again = json.loads(summary.read_text())
    again["translation.test"]["figures"]["bleu"] = 3.0
    again["translation.test"]["decode"] = "gpt_exp.decoding.greedy.Greedy(no_repeat_ngram_size=3)"
    again["translation.train"] = again["translation.test"]
    summary.write_text(json.dumps(again))
    paths = [run.path for run in runs]
    assert analyse(read(paths)).rows[0].together.mean == 1.0
    anew = analyse(read(paths, evaluated=True))
    assert [row.together.mean for row in anew.rows] == [3.0, 4.0]
    assert "judged by the last gpt-exp evaluate of each run" in anew.remarks
    unlike = "answers to translation were not made alike: ; decoding: Greedy(no_repeat_ngram_size=3)"
    assert unlike in anew.remarks


def test_without_a_test_split_validation_judges_and_without_figures_nothing(new_run):
    runs = [new_run("all", {"translation": 1.0, "chat": 4.0})]
    runs += [new_run(only, {only: 2.0}, only=only) for only in ("translation", "chat")]
    for run in runs:
        results = json.loads(run.results.read_text())
        results["test"].pop("chat", None)
        results["val"].pop("translation", None)
        run.results.write_text(json.dumps(results))
    findings = analyse(read([run.path for run in runs]))
    assert [(each.task, each.split) for each in findings.rows] == [("translation", "test"), ("chat", "val")]
    runs[0].results.write_text("{}")
    findings = analyse(read([run.path for run in runs]))
    assert findings.rows == [] and findings.mean_ratio("") is None
    assert "chat is left out: its runs share no figure" in findings.remarks


def test_the_files_say_what_was_found(new_sweep, tmp_path):
    findings = analyse(read([new_sweep().path]))
    save(findings, tmp_path / "found.html")
    told = json.loads((tmp_path / "found.json").read_text())
    assert told["mean_ratios"] == {"": pytest.approx(1.125)}
    assert told["interference"][1]["ratio"] == 1.5 and told["interference"][1]["alone_mean"] == 6.0
    (cosine,) = told["cosines"]
    assert cosine["tasks"] == ["translation", "chat"] and cosine["mean"] == pytest.approx(-0.3)
    assert sorted(run["only"] or "" for run in told["runs"]) == ["", "", *["chat"] * 2, *["translation"] * 2]
    with (tmp_path / "found.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [float(line["ratio"]) for line in lines] == pytest.approx([0.75, 1.5])
