"""Which runs stand beside each other, and why some do not."""

import pytest

from gpt_exp.errors import UserError
from gpt_exp.interference.study import labels, read

BOTH = {"translation": 15.0, "chat": 4.0}
UNCERTAINTY = {"_target_": "gpt_exp.balance.uncertainty.Uncertainty", "lr": 0.02}


@pytest.fixture
def alone(new_run):
    """A run of each task alone."""
    return lambda **how: [new_run(f"alone_{only}", BOTH, only=only, **how).path for only in BOTH]


def names(runs):
    return [run.name for run in runs]


def test_a_sweep_is_one_group_with_all_its_seeds(new_sweep):
    sweep = new_sweep()
    (group,) = read([sweep.path, sweep.path / ".." / "sweep" / "0001"]).groups  # One run twice counts once.
    assert names(group.together) == ["0000", "0003"] and group.label == ""
    assert {task: names(runs) for task, runs in group.alone.items()} == {
        "translation": ["0001", "0004"],
        "chat": ["0002", "0005"],
    }


def test_settings_are_apart_and_losses_alone_have_nothing_to_balance(new_run, alone):
    together = [
        new_run("fixed", BOTH).path,
        new_run("more", BOTH, balance=UNCERTAINTY).path,
    ]
    study = read([*together, *alone()])
    assert [group.label for group in study.groups] == ["balance=fixed", "balance=uncertainty"]
    for group in study.groups:
        assert {task: names(runs) for task, runs in group.alone.items()} == {
            task: [f"alone_{task}"] for task in BOTH
        }
    assert names(study.runs) == ["fixed", "alone_translation", "alone_chat", "more"]
    assert study.remarks == []


def test_cosines_that_only_the_run_together_logs_set_nothing_apart(new_run, alone):
    together = new_run("all", BOTH, module__cosine_every_n_steps=50).path
    assert len(read([together, *alone(trainer__devices=2)]).groups) == 1


def test_runs_that_repeat_others_are_told(new_run, alone):
    paths = [new_run("all", BOTH).path, *alone()]
    study = read([*paths, new_run("again", BOTH, only="chat", balance=UNCERTAINTY).path])
    assert names(study.groups[0].alone["chat"]) == ["again"]
    assert study.remarks == ["left out, others repeat them: alone_chat"]


def test_unfinished_runs_and_those_of_one_task_are_told_and_left_out(new_run, alone):
    paths = [
        new_run("all", BOTH).path,
        new_run("cut", BOTH, seed=2, state="stopped").path,
        new_run("one", BOTH, seed=3, tasks={}).path,
        new_run("far", BOTH, only="chat", optimizer__lr=0.5).path,
        *alone(),
    ]
    study = read(paths)
    assert names(study.groups[0].together) == ["all"]
    assert study.remarks == [
        "left out, unfinished: cut (stopped)",
        "left out, of one task: one",
        "left out, no run together is the same in all else: far (only=chat)",
    ]


def test_of_many_runs_that_are_left_out_some_are_named(new_run, alone):
    paths = [new_run("all", BOTH).path, *alone()]
    paths += [new_run(f"cut{seed}", BOTH, seed=seed, state="pruned").path for seed in range(8)]
    named = ", ".join(f"cut{seed} (pruned)" for seed in range(6))
    assert read(paths).remarks == [f"left out, unfinished: {named} and 2 more"]


def test_seeds_without_their_like_are_told(new_run, alone):
    paths = [new_run("all", BOTH).path, new_run("all_2", BOTH, seed=2).path, *alone()]
    extra = new_run("chat_2", BOTH, only="chat", seed=2).path
    assert read([*paths, extra]).remarks == ["other seeds alone than together: translation"]


def test_what_makes_no_study_is_told_in_a_line(new_run, alone, tmp_path):
    together, twins = new_run("all", BOTH).path, alone()
    with pytest.raises(UserError, match=r"^runs: none has all tasks together \(only=null\)$"):
        read(twins)
    with pytest.raises(UserError, match=r"^runs: chat has none alone beside all: train it with only=chat$"):
        read([together, twins[0]])
    far = new_run("far", BOTH, only="chat", optimizer__lr=0.5, tasks__translation__weight=2).path
    with pytest.raises(UserError, match=r"far has another optimizer\.lr, tasks\.translation\.weight$"):
        read([together, twins[0], far])
    one = new_run("one", BOTH, tasks={}).path
    with pytest.raises(UserError, match="none has finished and several tasks; left out, of one task: one"):
        read([one])
    cut = new_run("cut", BOTH, state="failed").path
    with pytest.raises(UserError, match=r"none has all tasks together.*; left out, unfinished: cut .failed"):
        read([*twins, cut])
    with pytest.raises(UserError, match="not a run folder"):
        read([tmp_path / "nothing"])
    with pytest.raises(UserError, match=r"^runs: none"):
        read([])


def test_parts_are_named_by_what_makes_them():
    fixed, uncertain = {"b._target_": "p.fixed.Fixed"}, {"b._target_": "p.uncertain.Uncertain", "b.lr": 0.1}
    assert labels([fixed, uncertain, {"b": None}]) == ["b=fixed", "b=uncertain", "b=none"]
    shares = [{"mixture._target_": "p.constant.temperature", "mixture.tau": tau} for tau in (1, 2)]
    assert labels(shares) == ["tau=1", "tau=2"]
    uniform = {"mixture._target_": "p.constant.uniform"}
    assert labels([*shares, uniform]) == [
        "mixture=temperature tau=1",
        "mixture=temperature tau=2",
        "mixture=uniform",
    ]
    assert labels([fixed]) == [""]
