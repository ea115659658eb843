"""Sweeps as Optuna's page is given them."""

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from gpt_exp.dashboard.optuna_ui import Studies
from gpt_exp.sweep.search.study import quiet

NAME = "name/time"


def copied(studies):
    studies.copy()
    return optuna.load_study(study_name=NAME, storage=studies.storage)


def test_a_grid_is_a_study_of_its_manifest(outputs, make_sweep):
    make_sweep("sweeps/name/time", "finished", "failed", "pruned", "running", "waiting")
    study = copied(Studies(outputs))
    assert [trial.state for trial in study.trials] == [
        TrialState.COMPLETE,
        TrialState.FAIL,
        TrialState.PRUNED,
    ]
    assert [trial.params for trial in study.trials] == [{"seed": 0}, {"seed": 1}, {"seed": 2}]
    best = study.best_trial
    assert best.user_attrs["run"].endswith("sweeps/name/time/0000")
    assert best.value == min(best.intermediate_values.values())
    assert list(best.intermediate_values) == [10, 20, 30, 40]


def test_jobs_that_end_are_added_once(outputs, make_sweep, make_run):
    sweep = make_sweep("sweeps/name/time", "finished", "waiting")
    studies = Studies(outputs)
    assert len(copied(studies).trials) == 1
    jobs = sweep.jobs()
    make_run("sweeps/name/time/0001", lowest=1.0)
    jobs[1].state = "finished"
    sweep.save_jobs(jobs)
    assert len(copied(studies).trials) == 2
    assert copied(studies).best_trial.number == 1


def test_a_grid_that_got_more_values_is_made_anew(outputs, make_sweep):
    sweep = make_sweep("sweeps/name/time", "finished", "finished")
    jobs = sweep.jobs()
    for job, value in zip(jobs, ("adamw", "muon"), strict=True):
        job.overrides = [f"optimizer={value}"]
    sweep.save_jobs(jobs)
    studies = Studies(outputs)
    assert [trial.params for trial in copied(studies).trials] == [
        {"optimizer": "adamw"},
        {"optimizer": "muon"},
    ]
    jobs[1].overrides = ["optimizer=sgd"]
    sweep.save_jobs(jobs)
    assert [trial.params for trial in copied(studies).trials] == [
        {"optimizer": "adamw"},
        {"optimizer": "sgd"},
    ]


@pytest.fixture
def search(make_sweep):
    """A search's study, and its folder."""
    sweep = make_sweep("sweeps/name/time", "finished")
    storage = JournalStorage(JournalFileBackend(str(sweep.study)))
    with quiet():
        return sweep, optuna.create_study(storage=storage, study_name=NAME)


def test_a_search_is_copied_and_left_as_it_is(outputs, search):
    sweep, source = search
    source.ask()
    source.optimize(lambda trial: trial.suggest_float("lr", 1e-4, 1e-2, log=True), n_trials=2)
    before = sweep.study.read_bytes()
    studies = Studies(outputs)
    assert [trial.params for trial in copied(studies).trials] == [trial.params for trial in source.trials[1:]]
    optuna.delete_study(study_name=NAME, storage=studies.storage)
    assert sweep.study.read_bytes() == before


def test_a_damaged_sweep_keeps_no_other_away(outputs, make_sweep, caplog):
    make_sweep("sweeps/damaged/time").manifest.write_text("{")
    make_sweep("sweeps/name/time", "finished")
    assert len(copied(Studies(outputs)).trials) == 1
    assert "damaged" in caplog.text
