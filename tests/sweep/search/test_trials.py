import optuna
from sweep_folders import change

from gpt_exp.sweep.leaderboard import leaderboard
from gpt_exp.sweep.search.trials import study, trials

GRID = {"optimizer.lr": [0.001, 0.01, 0.1], "optimizer": ["adamw", "sgd"]}


def test_jobs_become_trials_of_their_numbers_and_values(grid_sweep):
    made = study(leaderboard(grid_sweep(GRID)))
    assert made.best_trial.params == {"optimizer.lr": 0.01, "optimizer": "adamw"}
    assert [trial.number for trial in made.trials] == list(range(6))
    assert made.trials[0].intermediate_values.keys() == {10, 20, 30, 40, 50, 60}


def test_what_came_to_no_end_is_left_out_and_failures_have_no_value(grid_sweep):
    sweep = grid_sweep(GRID)
    change(sweep, 0, state="waiting")
    change(sweep, 1, state="failed", reason="it broke")
    made = study(leaderboard(sweep))
    assert [trial.state.name for trial in made.trials] == ["FAIL", *["COMPLETE"] * 4]
    assert made.trials[0].user_attrs["reason"] == "it broke"


def test_numbers_far_apart_are_on_a_logarithmic_scale(grid_sweep):
    space, _ = trials(leaderboard(grid_sweep(GRID)))
    assert space["optimizer.lr"].log
    assert isinstance(space["optimizer"], optuna.distributions.CategoricalDistribution)
