"""A mode that would keep the worst is told before anything starts."""

import pytest

from gpt_exp.config.jobs import composed
from gpt_exp.config.monitored import problems

RIGHT = [
    {"monitor": "val/loss"},
    {"monitor": "val/accuracy", "mode": "max"},
    {"monitor": "val/length", "mode": "max"},  # Nobody knows.
    {"monitor": "val/length"},
    {"monitor": "val/loss", "best_of": {"bits": {"metric": "val/bits_per_byte"}}},
    {"monitor": "val/loss", "mode": "least"},  # Another check's.
    {"patience": 3},
    None,
]
WRONG = [
    ({"monitor": "val/accuracy"}, "callback.own.mode", "val/accuracy is better the higher it is", "max"),
    ({"monitor": "val/loss", "mode": "max"}, "callback.own.mode", "and the mode is max", "min"),
    ({"best_of": {"f": {"metric": "val/f1"}}}, "callback.own.best_of.f.mode", "val/f1 is better", "max"),
]


@pytest.mark.parametrize("node", RIGHT)
def test_what_is_right_or_unknown_passes(node):
    assert list(problems({"callback": {"own": node}})) == []


@pytest.mark.parametrize(("node", "key", "message", "mode"), WRONG)
def test_what_is_wrong_is_told_with_what_to_write(node, key, message, mode):
    (problem,) = problems({"callback": {"own": node}})
    assert (problem.key, problem.suggestion) == (key, f"{key}={mode}")
    assert message in problem.message


def test_a_recipes_mode_does_not_fit_another_metric():
    given = ("experiment=multi_task_embedded", "callback.checkpoint.monitor=val/loss")
    (problem,) = composed("train", given, None, "train").problems
    assert problem.key == "callback.checkpoint.mode"
    assert composed("train", (*given, "callback.checkpoint.mode=min"), None, "train").problems == []
    assert composed("train", (), None, "train").problems == []
