"""The searches and pruners that a command may name: their settings, their mistakes, help and completion."""

import pytest

from gpt_exp.config.completion import candidates
from gpt_exp.config.compose import compose
from gpt_exp.config.help import help_of
from gpt_exp.config.location import groups
from gpt_exp.errors import UserError
from gpt_exp.sweep.settings import Settings, settings_of

SEARCHES = [option for option in groups()["sweep"] if not option.startswith("_") and option != "grid"]
CHECKPOINT = "callback.checkpoint"
PRUNERS = groups()["sweep/pruner"]


def settings(*overrides: str) -> Settings:
    return settings_of(compose("train", list(overrides)))


@pytest.mark.parametrize("sweep", SEARCHES)
def test_every_search_has_a_seed_of_its_own(sweep: str) -> None:
    given = settings(f"sweep={sweep}", "seed=5")
    assert given.sampler["seed"] == 0
    assert (given.pruner is None) == (sweep in ("cma_es", "multi_objective"))


@pytest.mark.parametrize("pruner", PRUNERS)
def test_a_pruner_is_chosen_for_a_search_alone(pruner: str) -> None:
    assert (settings("sweep=tpe", f"sweep/pruner={pruner}").pruner is None) == (pruner == "none")
    if pruner != "none":
        with pytest.raises(ValueError, match="jobs of a grid are not pruned"):
            settings(f"sweep/pruner={pruner}")
        with pytest.raises(ValueError, match="can't be pruned by several metrics"):
            settings("sweep=multi_objective", f"sweep/pruner={pruner}")


@pytest.mark.parametrize("pruner", ["successive_halving", "hyperband"])
def test_the_first_rung_is_the_first_validation(pruner: str) -> None:
    given = ["trainer.max_steps=700", "trainer.val_check_interval=70"]
    node = settings("sweep=tpe", f"sweep/pruner={pruner}", *given).pruner
    assert node["min_resource"] == 70
    assert node.get("max_resource", 700) == 700


@pytest.mark.parametrize(
    ("override", "meant"),
    [
        ("sweep=tep", "sweep=tpe"),
        ("sweep/pruner=hyperban", "sweep/pruner=hyperband"),
        ("sweep.num_trial=5", "sweep.num_trials"),
        ("sweep.sampler.n_startup_trial=3", "sweep.sampler.n_startup_trials"),
        ("sweep.pruner.n_warmup_step=3", "sweep.pruner.n_warmup_steps"),
    ],
)
def test_the_nearest_right_name_is_told(override: str, meant: str) -> None:
    given = [] if override.startswith("sweep=") else ["sweep=tpe"]
    with pytest.raises(UserError) as error:
        compose("train", [*given, override])
    assert str(error.value).endswith(f"Did you mean {meant}?")


def test_help_and_completion_know_the_pruners() -> None:
    (line,) = (line for line in help_of("train", "").splitlines() if "sweep/pruner" in line)
    assert line.split() == ["sweep/pruner", "hyperband", "median", "none*", "successive_halving"]
    assert {"sweep=", "sweep/"} <= set(candidates("gpt-exp train sweep", ["train"]))
    assert candidates("gpt-exp train sweep/pruner=m", ["train"]) == ["sweep/pruner=median"]
    assert candidates("gpt-exp train sweep=t", ["train"]) == ["sweep=tpe"]


@pytest.mark.parametrize(
    ("given", "objective"),
    [
        ([], ("val/loss", "minimize")),
        (["callback=[]"], ("val/loss", "minimize")),
        (["experiment=multi_task_embedded"], ("val/score", "maximize")),
        (["experiment=multi_task_embedded", "sweep.metric=val/loss"], ("val/loss", "minimize")),
        ([f"{CHECKPOINT}.monitor=val/length", f"{CHECKPOINT}.mode=max"], ("val/length", "maximize")),
        ([f"{CHECKPOINT}.monitor=val/length"], ("val/length", "minimize")),
        (["sweep.metric=val/accuracy"], ("val/accuracy", "maximize")),
        (["sweep.metric=val/length", "sweep.direction=maximize"], ("val/length", "maximize")),
    ],
)
def test_a_sweep_is_after_what_its_jobs_best_checkpoints_are_chosen_by(
    given: list[str], objective: tuple[str, str]
) -> None:
    assert settings(*given).objectives == [objective]


def test_each_of_several_objectives_has_its_own_direction() -> None:
    given = settings("sweep=multi_objective", "sweep.metric=[val/accuracy,val/loss,num_parameters]")
    assert [each.direction for each in given.objectives] == ["maximize", "minimize", "minimize"]
