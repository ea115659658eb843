"""The order of several tasks' examples, by what each example says of itself."""

import numpy as np
import pytest

from gpt_exp.interfaces import Example
from gpt_exp.mixture.constant import Constant
from gpt_exp.mixture.mixed_splits import MixedSplits

SIZES = {"large": 60, "small": 20}


class Numbered:
    """A task's examples, whose one token is their number."""

    parts = ("train", "val")
    tokens_per_example = 2.0

    def __init__(self, size):
        self.examples_per_epoch = float(size)

    def training(self):
        return self

    def evaluation(self, part):
        return [Example(np.array([7]))]

    def __getitem__(self, index):
        return Example(np.array([index]))


def mixed(**changes):
    splits = {name: Numbered(size) for name, size in SIZES.items()}
    settings = {"targets_per_example": {"large": 3.0, "small": 1.0}, "batch_size": 4, **changes}
    return MixedSplits(splits, Constant(np.array([0.75, 0.25])), **settings)


def read(splits, first, last):
    """(task, number) of the examples of some steps."""
    training, size = splits.training(), splits.batch_size
    return [(training[n].task, int(training[n].tokens[0])) for n in range(first * size, last * size)]


@pytest.mark.parametrize("unit", ["example", "step"])
def test_each_task_s_examples_come_in_a_row_and_in_their_shares(unit):
    found = read(mixed(unit=unit), 0, 20)
    for name, count in (("large", 60), ("small", 20)):
        assert [number for task, number in found if task == name] == list(range(count))


def test_a_step_is_mixed_or_of_one_task():
    steps = np.array([task for task, _ in read(mixed(), 0, 8)]).reshape(8, 4)
    assert all((step == "large").sum() == 3 for step in steps)
    whole = np.array([task for task, _ in read(mixed(unit="step"), 0, 8)]).reshape(8, 4)
    assert all(len(set(step)) == 1 for step in whole)
    assert (whole[:, 0] == "large").sum() == 6


def test_any_example_is_known_without_those_before():
    assert read(mixed(), 13, 14) == read(mixed(), 0, 14)[-4:]


def test_expected_targets_are_those_of_the_step_s_examples():
    assert mixed().expected_targets(5).tolist() == [9.0, 1.0]  # 3 examples of 3, 1 of 1.
    of_one = mixed(unit="step")
    assert sorted(of_one.expected_targets(step).tolist() for step in range(4)) == [[0, 4], *[[12, 0]] * 3]


def test_what_was_seen_counts_examples_and_epochs_also_of_repeated_steps():
    assert mixed().num_seen(20).tolist() == [60, 20]
    assert mixed().num_epochs(10).tolist() == [0.5, 0.5]
    repeated = mixed(repeat_steps=2)
    assert repeated.num_seen(5).tolist() == [15, 5]
    assert repeated.expected_targets(5).tolist() == [9.0, 1.0]


def test_each_task_has_its_own_other_parts():
    splits = mixed()
    assert splits.parts == ("train", "large.val", "small.val")
    assert splits.evaluation("small.val")[0].task == "small"


def test_an_unknown_unit_is_refused():
    with pytest.raises(ValueError, match=r"module\.unit='batch' must be one of example, step"):
        mixed(unit="batch")
