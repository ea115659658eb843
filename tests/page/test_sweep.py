import json
import re
import shutil

import pytest
from sweep_folders import change, write_run

from gpt_exp.page.sweep import sweep_page, write_sweep_report
from gpt_exp.page.sweep_figures import sweep_figures
from gpt_exp.run.lines import read_metrics
from gpt_exp.sweep import leaderboard as leaderboards
from gpt_exp.sweep.leaderboard import leaderboard

GRID = {"optimizer.lr": [0.001, 0.01, 0.1], "optimizer": ["adamw", "sgd"], "seed": [1, 2]}


def no_link(run):
    return None


def figures(sweep):
    return sweep_figures(leaderboard(sweep))


def test_seeds_are_one_curve_with_a_band(grid_sweep):
    traces = figures(grid_sweep(GRID))["val/loss"].data
    lines, bands = [t for t in traces if t.name], [t for t in traces if not t.name]
    assert len(lines) == len(bands) == 6
    assert "(2 seeds)" in lines[0].meta


def test_the_most_important_parameter_is_the_one_that_made_the_difference(grid_sweep):
    bars = figures(grid_sweep(GRID))["Importance of each parameter"].data[0]
    assert bars.y[-1] == "lr"
    assert sum(bars.x) == pytest.approx(1)
    assert "seed" not in bars.y


def test_every_jobs_way_goes_through_all_its_values(grid_sweep):
    (ways,) = figures(grid_sweep(GRID))["Every job's way"].data
    assert [dimension.label for dimension in ways.dimensions] == ["lr", "optimizer", "seed", "val/loss"]
    assert all(len(dimension["values"]) == 12 for dimension in ways.dimensions)


def test_there_is_a_figure_for_each_parameter(grid_sweep):
    drawn = figures(grid_sweep(GRID))
    assert {"val/loss by optimizer.lr", "val/loss by optimizer"} < drawn.keys()


def test_two_objectives_have_a_pareto_front(grid_sweep):
    objectives = [("val/loss", "minimize"), ("num_parameters", "minimize")]
    drawn = figures(grid_sweep({"optimizer.lr": [0.001, 0.01, 0.1]}, objectives=objectives))
    assert "Pareto front" in drawn


def test_the_page_opens_offline_and_links_to_every_job(grid_sweep):
    sweep = grid_sweep(GRID)
    page = write_sweep_report(sweep.path).read_text()
    assert (sweep.path / "plotly.min.js").stat().st_size > 1_000_000
    assert not re.findall(r"(?:src|href)=\"https?:", page)
    assert all(f'href="{job.run}/report.html"' in page for job in sweep.jobs())
    for figure in re.findall(r'<script type="application/json">(.*?)</script>', page, re.DOTALL):
        assert json.loads(figure)["data"]


def test_failures_are_told_with_their_last_words(grid_sweep):
    sweep = grid_sweep({"seed": [1, 2]})
    job = change(sweep, 1, state="failed", reason="<b>it broke</b>")
    sweep.run(job).console.write_text("the last words")
    page = sweep_page(sweep, link=no_link)
    assert "&lt;b&gt;it broke&lt;/b&gt;" in page
    assert "the last words" in page


def test_another_link_is_used_where_there_is_one(grid_sweep):
    assert 'href="/run/0001"' in sweep_page(grid_sweep(GRID), link=lambda run: f"/run/{run.path.name}")


@pytest.mark.parametrize("state", ["waiting", "failed", "running", "pruned"])
def test_it_works_before_anything_is_finished(grid_sweep, state):
    sweep = grid_sweep({"optimizer.lr": [0.1, 0.2]})
    for number in range(2):
        change(sweep, number, state=state)
        shutil.rmtree(sweep.run(sweep.jobs()[number]).path)
    assert state in sweep_page(sweep, link=no_link).replace("stopped", state)


def test_pruning_tells_what_it_saved(grid_sweep):
    sweep = grid_sweep({"optimizer.lr": [0.1, 0.2]})
    job = change(sweep, 0, state="pruned", reason="worse than the median")
    shutil.rmtree(sweep.run(job).path)
    write_run(sweep.run(job), {"optimizer.lr": 0.1}, steps=20)
    assert "40 more pruned away" in sweep_page(sweep, link=no_link)


def test_a_hundred_jobs_are_one_readable_page(grid_sweep):
    sweep = grid_sweep({"optimizer.lr": [0.001 * n for n in range(1, 51)], "seed": [1, 2]})
    page = sweep_page(sweep, link=no_link)
    assert page.count('<tr data-key="') == 150  # Jobs, and means over seeds.
    assert len(page) < 3_000_000


def test_more_seeds_than_curves_are_means_over_all_of_them(grid_sweep):
    """The best jobs alone would be the lucky seeds of many settings."""
    sweep = grid_sweep({"optimizer.lr": [0.001 * n for n in range(11, 31)], "seed": [1, 2, 3, 4, 5]})
    lines = [trace for trace in figures(sweep)["val/loss"].data if trace.name]
    assert len(lines) == 20
    assert all("(5 seeds)" in line.meta for line in lines)


def test_jobs_of_an_older_config_are_no_seeds(grid_sweep):
    sweep = grid_sweep({"optimizer": ["adamw"], "seed": [1, 2]})
    again = sweep.jobs() + sweep.jobs()
    for number, job in enumerate(again):
        job.number = number
    sweep.save_jobs(again)
    (line,) = (trace for trace in figures(sweep)["val/loss"].data if trace.name)
    assert "(2 seeds)" in line.meta


def test_each_run_is_read_once(grid_sweep, monkeypatch):
    sweep, read = grid_sweep(GRID), []
    monkeypatch.setattr(leaderboards, "read_metrics", lambda path: read.append(path) or read_metrics(path))
    sweep_page(sweep, link=no_link)
    assert len(read) == len(set(read)) == 12


def test_only_the_end_of_a_long_log_is_shown(grid_sweep):
    sweep = grid_sweep({"seed": [1, 2]})
    job = change(sweep, 1, state="failed", reason="it broke")
    sweep.run(job).console.write_text("first words" + "x" * 5000 + "last words")
    page = sweep_page(sweep, link=no_link)
    assert "last words" in page and "first words" not in page


def test_a_sweep_writes_nothing_outside_of_itself(grid_sweep, tmp_path):
    sweep = grid_sweep({"seed": [1, 2]})
    before = set(tmp_path.rglob("*"))
    write_sweep_report(sweep.path)
    assert all(path.is_relative_to(sweep.path) for path in set(tmp_path.rglob("*")) - before)


def test_its_script_is_that_of_its_jobs(grid_sweep, tmp_path):
    sweep, cache = grid_sweep({"seed": [1, 2]}), tmp_path / "shared"
    cache.mkdir()
    sweep.run(sweep.jobs()[0]).config_file.write_text(f"paths: {{cache: {cache}}}\n")
    write_sweep_report(sweep.path)
    assert (sweep.path / "plotly.min.js").samefile(*cache.iterdir())


def test_links_are_addresses(grid_sweep, tmp_path):
    sweep = grid_sweep({"seed": [1, 2]})
    (job, other) = sweep.jobs()
    job.run = "a #1?x"
    sweep.run(other).path.rename(sweep.run(job).path)
    sweep.save_jobs([job])
    assert 'href="a%20%231%3Fx/report.html"' in write_sweep_report(sweep.path).read_text()


def test_a_misspelt_metric_is_told(grid_sweep):
    page = sweep_page(grid_sweep({"seed": [1, 2]}, objectives=[("val/los", "minimize")]), link=no_link)
    assert "2 finished jobs have no value of val/los; did you mean val/loss?" in page


def test_a_sweep_without_its_command_has_a_page(grid_sweep):
    sweep = grid_sweep({"seed": [1, 2]})
    asked = sweep.asked()
    del asked["command"]
    sweep.save_asked(asked)
    assert "finished" in sweep_page(sweep, link=no_link)
