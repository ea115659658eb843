import csv
import io
import json
import math

import pytest
from rich.console import Console
from sweep_folders import change, loss_of

from gpt_exp.run import lines
from gpt_exp.sweep.console.board import print_board
from gpt_exp.sweep.leaderboard import leaderboard, settings, write

GRID = {"optimizer.lr": [0.001, 0.01, 0.1], "optimizer": ["adamw", "sgd"], "seed": [1, 2]}


def printed(board, width=80):
    console = Console(width=width, record=True, file=io.StringIO())
    print_board(board, console)
    return console.export_text()


def test_the_best_job_comes_first_with_what_it_was_given(grid_sweep):
    first = leaderboard(grid_sweep(GRID)).rows[0]
    assert first.parameters == {"optimizer.lr": 0.01, "optimizer": "adamw", "seed": 1}
    assert first.reached[0].best == pytest.approx(loss_of(first.parameters, 60) + 0.1)
    assert (first.reached[0].best_step, first.steps, first.seconds, first.is_best) == (60, 60, 30.0, True)


def test_maximised_values_are_sorted_the_other_way(grid_sweep):
    board = leaderboard(grid_sweep(GRID, objectives=[("val/loss", "maximize")]))
    assert board.rows[0].reached[0].best == max(row.reached[0].best for row in board.rows)


def test_a_metric_that_is_there_needs_no_remark(grid_sweep):
    assert leaderboard(grid_sweep({"seed": [1, 2]})).remarks == []


def test_failed_and_unfinished_jobs_come_last(grid_sweep):
    sweep = grid_sweep({"seed": [1, 2, 3, 4]})
    change(sweep, 0, state="failed", reason="it broke")
    change(sweep, 1, state="waiting")
    board = leaderboard(sweep)
    assert [(row.job, row.state) for row in board.rows] == [
        (2, "finished"),
        (3, "finished"),
        (1, "waiting"),
        (0, "failed"),
    ]


def test_groups_are_means_over_seeds(grid_sweep):
    board = leaderboard(grid_sweep(GRID))
    assert len(board.groups) == 6
    best = board.groups[0]
    ends = [loss_of({"optimizer.lr": 0.01, "optimizer": "adamw", "seed": seed}, 60) + 0.1 for seed in (1, 2)]
    assert best.mean == pytest.approx(sum(ends) / 2)
    assert best.deviation == pytest.approx(abs(ends[0] - ends[1]) / math.sqrt(2))
    assert (best.num_seeds, best.is_best) == (2, True)
    assert "seed" not in best.parameters


def test_without_seeds_there_are_no_groups(grid_sweep):
    assert leaderboard(grid_sweep({"optimizer.lr": [0.001, 0.01]})).groups == []


def test_failed_jobs_are_in_no_group(grid_sweep):
    sweep = grid_sweep({"seed": [1, 2, 3]})
    change(sweep, 2, state="failed", reason="it broke")
    assert leaderboard(sweep).groups[0].jobs == [0, 1]


def test_of_two_objectives_those_count_that_no_other_job_beats(grid_sweep):
    sweep = grid_sweep(
        {"optimizer.lr": [0.01, 0.001], "optimizer": ["adamw", "sgd"]},
        objectives=[("val/loss", "minimize"), ("num_parameters", "minimize")],
    )
    # 0.01 has a shorter text than 0.001, and sgd than adamw: fewer "parameters".
    best = {tuple(row.parameters.values()) for row in leaderboard(sweep).rows if row.is_best}
    assert best == {(0.01, "adamw"), (0.01, "sgd")}


def test_a_loss_that_is_no_number_is_never_best(grid_sweep):
    sweep = grid_sweep({"seed": [1, 2]})
    lines.append(sweep.run(sweep.jobs()[0]).metrics, {"step": 70, "val/loss": float("nan")})
    row = next(row for row in leaderboard(sweep).rows if row.job == 0)
    assert math.isfinite(row.reached[0].best)
    assert math.isnan(row.reached[0].last)


def test_the_files_hold_what_the_table_holds(grid_sweep):
    sweep = grid_sweep(GRID)
    change(sweep, 3, state="failed", reason='a, "quoted" reason')
    board = leaderboard(sweep)
    write(sweep, board)
    with sweep.leaderboard_csv.open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["job"]) for row in rows] == [row.job for row in board.rows]
    assert float(rows[0]["best"]) == board.rows[0].reached[0].best
    assert (rows[0]["optimizer.lr"], rows[-1]["reason"]) == ("0.01", 'a, "quoted" reason')
    told = json.loads(sweep.leaderboard_json.read_text())
    assert told["objectives"] == [{"metric": "val/loss", "direction": "minimize"}]
    assert len(told["jobs"]) == 12
    assert told["groups"][0]["mean"] == board.groups[0].mean


def test_the_console_tells_reasons_and_fits_80_columns(grid_sweep):
    sweep = grid_sweep(GRID)
    change(sweep, 3, state="failed", reason="RuntimeError: it broke")
    text = printed(leaderboard(sweep))
    assert "0003 failed: RuntimeError: it broke" in text
    assert "mean val/loss" in text
    assert max(map(len, text.splitlines())) <= 80


def test_settings_are_numbers_where_they_are_numbers(grid_sweep):
    job = change(grid_sweep({"seed": [1]}), 0, overrides=["a=1", "+b=1e-3", "c=x", "++d='y z'"])
    assert settings(job) == {"a": 1, "b": 0.001, "c": "x", "d": "y z"}


def test_values_that_are_no_numbers_come_last_and_never_mix_up_the_others(grid_sweep):
    sweep = grid_sweep({"seed": [1, 2, 3, 4, 5]})
    for job, value in zip(sweep.jobs(), (3.0, math.nan, 1.0, math.nan, 2.0), strict=True):
        sweep.run(job).metrics.unlink()
        lines.append(sweep.run(job).metrics, {"step": 1, "val/loss": value})
    assert [row.job for row in leaderboard(sweep).rows] == [2, 4, 0, 1, 3]
    sweep.save_asked({**sweep.asked(), "objectives": [["val/loss", "maximize"]]})
    assert [row.job for row in leaderboard(sweep).rows] == [0, 4, 2, 1, 3]


def test_the_files_hold_no_nan(grid_sweep):
    sweep = grid_sweep({"optimizer.lr": ["nan", 0.1], "seed": [1, 2]})
    write(sweep, leaderboard(sweep))
    told = json.loads(sweep.leaderboard_json.read_text(), parse_constant=pytest.fail)
    assert None in [group["parameters"]["optimizer.lr"] for group in told["groups"]]


def test_jobs_of_an_older_config_are_no_seeds(grid_sweep):
    """After a default has changed the same overrides are another job."""
    sweep = grid_sweep({"optimizer": ["adamw", "sgd"], "seed": [1, 2]})
    again = sweep.jobs() + sweep.jobs()
    for number, job in enumerate(again):
        job.number = number
    sweep.save_jobs(again)
    assert {tuple(sorted(group.jobs)) for group in leaderboard(sweep).groups} == {(4, 5), (6, 7)}


def test_a_misspelt_metric_is_told_with_the_nearest(grid_sweep):
    board = leaderboard(grid_sweep({"seed": [1, 2]}, objectives=[("val/los", "minimize")]))
    said = "2 finished jobs have no value of val/los; did you mean val/loss?"
    assert board.remarks == [said]
    assert said in printed(board)
