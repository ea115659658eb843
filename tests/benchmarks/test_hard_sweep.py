"""The benchmark's own judgement: a right table passes, and every wrong cell is told."""

import csv
import json

import hard_sweep
import pytest
import sweep_folders

from gpt_exp.sweep import leaderboard
from gpt_exp.sweep.folder import Attempt


@pytest.fixture
def sweep(tmp_path, monkeypatch):
    """As the benchmark leaves it when all is right."""
    monkeypatch.setattr(hard_sweep, "MAX_STEPS", 60)
    made = sweep_folders.write_sweep(tmp_path / "sweep", {"seed": list(hard_sweep.SEEDS)})
    for seed, (trouble, said) in hard_sweep.REASONS.items():
        attempts = [Attempt(started=0.0, ended=1.0)] * (2 if trouble == "greedy" else 1)
        job = sweep_folders.change(made, seed - 1, state="failed", reason=said, attempts=attempts)
        run = made.run(job)
        run.results.unlink()
        run.set_status("failed", step=15)
        run.metrics.write_text("".join(run.metrics.read_text().splitlines(keepends=True)[:15]))
    leaderboard.write(made, leaderboard.leaderboard(made))
    return made


def test_a_right_table_passes(sweep):
    assert list(hard_sweep.wrong_table(sweep, kills=2)) == []


@pytest.mark.parametrize(
    ("seed", "cell", "value"),
    [
        ("1", "best", "1.0"),
        ("1", "steps", "50"),
        ("1", "attempts", "4"),
        ("1", "reason", "killed"),
        ("2", "state", "finished"),
        ("2", "reason", "some other error"),
        ("6", "attempts", "1"),
    ],
)
def test_a_wrong_cell_is_told(sweep, seed, cell, value):
    with sweep.leaderboard_csv.open() as file:
        rows = list(csv.DictReader(file))
    next(row for row in rows if row["seed"] == seed)[cell] = value
    with sweep.leaderboard_csv.open("w") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    assert any(f"seed {seed} in the csv table" in told for told in hard_sweep.wrong_table(sweep, kills=2))


def test_a_missing_row_is_told(sweep):
    table = json.loads(sweep.leaderboard_json.read_text())
    sweep.leaderboard_json.write_text(json.dumps({**table, "jobs": table["jobs"][1:]}))
    (told,) = hard_sweep.wrong_table(sweep, kills=2)
    assert "the json table has the seeds" in told


def test_what_had_finished_at_the_first_kill_must_not_run_again_before_the_second(
    sweep, monkeypatch, tmp_path
):
    """Job 2 has two attempts at the second kill and at the end, and had one at the first."""
    again = [Attempt(started=0.0, ended=1.0)] * 2
    sweep_folders.change(sweep, 2, attempts=again)
    kills = iter([{2: 1}, {2: 2, 4: 1}])

    class Ended:
        def wait(self):
            return 1

    monkeypatch.setattr(hard_sweep, "kill_after", lambda *_, **__: next(kills))
    monkeypatch.setattr(hard_sweep, "start", lambda *_: Ended())
    monkeypatch.setattr(hard_sweep, "sweep_folders", lambda _: [sweep.path])
    assert list(hard_sweep.hard_sweep(tmp_path, 2, [])) == ["job 2 had finished and ran again"]
