"""What the first page knows follows the folders."""

import json
import shutil
from itertools import count

import pytest

from gpt_exp.dashboard import index
from gpt_exp.dashboard.index import Outputs
from gpt_exp.sweep.folder import Objective

OBJECTIVE = Objective("val/loss", "minimize")
LOSS = ("val/loss", "min")


@pytest.fixture
def watched(outputs):
    return Outputs(str(outputs), OBJECTIVE)


def test_a_run_that_appears_changes_and_goes(watched, make_run, log_step, outputs):
    assert not watched.index().runs
    folder = make_run("name/time", "running", step=20)
    with folder.lock():
        entry = watched.index().runs["name/time"]
        assert (entry.state, entry.step, entry.max_steps, entry.share) == ("running", 20, 100, 0.2)
        log_step(folder, 30, 1.0)
        again = watched.index().runs["name/time"]
        assert again.step == 30
        assert again.reached[LOSS].best < entry.reached[LOSS].best
    assert watched.index().runs["name/time"].state == "stopped"  # Its process is gone without a word.
    shutil.rmtree(folder.path)
    assert not watched.index().runs


def test_what_did_not_change_is_the_same_index(watched, make_run, make_sweep, log_step):
    folder = make_run("name/time")
    make_sweep("sweeps/name/time")
    first = watched.index()
    assert watched.index() is first
    log_step(folder, 50)
    assert watched.index().version != first.version


def test_a_look_is_shared_for_a_while(outputs, make_run):
    watched = Outputs(str(outputs), OBJECTIVE, fresh_seconds=2, clock=count().__next__)
    first = watched.index()  # The clock goes on by one with each look at it.
    make_run("name/time")
    assert watched.index() is first
    assert watched.index(now=True) is not first


def test_looks_that_take_long_are_rarer(outputs, monkeypatch):
    """The first, which reads everything, is no measure."""
    now, looked = [0.0], []
    times = iter([0, 60, 100, 101, 200, 202])  # Of the processor: looks that take 60, 1 and 2 seconds.
    monkeypatch.setattr(index, "thread_time", lambda: looked.append(now[0]) or next(times))
    watched = Outputs(str(outputs), OBJECTIVE, fresh_seconds=2, clock=lambda: now[0])
    for second in range(60):
        now[0] = float(second)
        watched.index()
    assert looked[::2] == [0, 2, 2 + 1 / index.MAX_SHARE]


def test_entries_tell_what_the_folder_tells(watched, make_run):
    folder = make_run("name/time", "failed", reason="it broke", overrides=("seed=1", "optimizer=muon"))
    entry = watched.index().runs["name/time"]
    assert entry.state == folder.state()
    assert (entry.reason, entry.overrides) == ("it broke", ("seed=1", "optimizer=muon"))
    assert entry.started == "2026-01-02T03:04:05+00:00"
    assert (entry.tokens_per_second, entry.seconds) == (1234.0, 20.0)


def test_steps_come_from_the_config_where_the_status_does_not_tell(watched, make_run):
    folder = make_run("name/time", "stopped", max_steps=70)
    folder.status_file.write_text('{"state": "stopped"}')
    assert watched.index().runs["name/time"].max_steps == 70


def test_a_run_copied_without_anything_but_its_config_is_there(watched, make_run):
    folder = make_run("name/time")
    for path in folder.path.iterdir():
        if path != folder.config_file:
            path.unlink()
    entry = watched.index().runs["name/time"]
    assert (entry.state, entry.step, dict(entry.reached)) == ("not started", None, {})


DAMAGED = ["{", "[]", "", "\xff\xfe", '{"state": ["odd"], "step": "x"}', "null"]


@pytest.mark.parametrize("text", DAMAGED)
@pytest.mark.parametrize(
    "name", ["status.json", "results.json", "environment.json", "overrides.yaml", "speed.jsonl"]
)
def test_a_damaged_file_spoils_nothing_else(watched, make_run, name, text):
    make_run("other/time")
    folder = make_run("name/time")
    (folder.path / name).write_text(text, encoding="latin-1")
    index = watched.index()
    assert index.runs["other/time"].state == "finished"
    assert index.runs["name/time"].reached[LOSS].best > 2


def test_a_sweep_by_its_jobs(watched, make_sweep):
    sweep = make_sweep("sweeps/name/time", "finished", "failed", "finished", "running", "waiting")
    entry = watched.index().sweeps["sweeps/name/time"]
    assert entry.state == "stopped"  # Nobody carries it out.
    assert entry.num("finished") == 2
    assert entry.num("stopped") == 1
    assert entry.best_run == "sweeps/name/time/0000"
    assert entry.best == watched.index().runs["sweeps/name/time/0000"].reached[LOSS].best
    with sweep.lock():
        entry = watched.index().sweeps["sweeps/name/time"]
        assert (entry.state, entry.num("running"), entry.share) == ("running", 1, 3 / 5)


def test_a_sweep_for_another_metric(watched, make_sweep, outputs):
    sweep = make_sweep("sweeps/name/time", "finished", "finished")
    sweep.save_asked({**sweep.asked(), "objectives": [["train/loss", "maximize"]]})
    entry = watched.index().sweeps["sweeps/name/time"]
    assert entry.best_run == "sweeps/name/time/0001"
    assert entry.objective == Objective("train/loss", "maximize")


def test_a_sweep_may_want_the_other_end_of_what_the_runs_show(watched, make_sweep):
    sweep = make_sweep("sweeps/name/time", "finished", "finished")
    sweep.save_asked({**sweep.asked(), "objectives": [["val/loss", "maximize"]]})
    found = watched.index()
    entry, run = found.sweeps["sweeps/name/time"], found.runs["sweeps/name/time/0001"]
    assert entry.best == run.reached["val/loss", "max"].best > run.reached[LOSS].best


def test_a_job_that_another_run_had_done_counts_with_that(watched, make_run, make_sweep):
    make_run("name/time", lowest=0.5)
    sweep = make_sweep("sweeps/name/time", "waiting", "finished")
    jobs = sweep.jobs()
    jobs[0].run, jobs[0].state = "../../../name/time", "finished"
    sweep.save_jobs(jobs)
    assert watched.index().sweeps["sweeps/name/time"].best_run == "name/time"


@pytest.mark.parametrize("name", ["sweep.json", "manifest.json"])
def test_a_damaged_sweep_is_shown_as_such(watched, make_sweep, name):
    sweep = make_sweep("sweeps/name/time")
    (sweep.path / name).write_text(json.dumps({"jobs": [{}], "objectives": 3}))
    assert watched.index().sweeps["sweeps/name/time"].state == "unknown"


def test_one_run_is_looked_up_now(watched, make_run):
    watched.index()
    folder = make_run("name/time")
    assert watched.run("name/time").state == "finished"
    folder.set_status("failed")
    assert watched.run("name/time").state == "failed"
    shutil.rmtree(folder.path)
    assert watched.run("name/time") is None
