"""Shares that follow what is still learnt."""

import json

import numpy as np
import pytest

from gpt_exp.mixture.adaptive import Adaptive
from gpt_exp.mixture.constant import uniform

SIZES = {"a": 10, "b": 10}


def adaptive(**options):
    return Adaptive(sizes=SIZES, begin=uniform, **options)


def test_a_task_that_still_learns_gets_more_from_the_step_told():
    mixture = adaptive(rate=0.5, floor=0.0)
    mixture.adapt(10, np.array([4.0, 4.0]))  # Nothing to compare with yet.
    mixture.adapt(20, np.array([3.0, 3.6]))  # A quarter of one loss is gone, a tenth of the other.
    np.testing.assert_allclose(mixture.shares(19), [0.5, 0.5])
    np.testing.assert_allclose(mixture.shares(20), [0.25 + 0.5 * 0.25 / 0.35, 0.25 + 0.5 * 0.1 / 0.35])


def test_no_task_falls_below_the_floor_and_shares_add_up():
    mixture = adaptive(rate=1.0, floor=0.25)
    for step, losses in enumerate([(4.0, 4.0), (2.0, 5.0), (1.0, 6.0)]):
        mixture.adapt(step, np.array(losses))
    np.testing.assert_allclose(mixture.shares(9), [0.875, 0.125])


def test_without_progress_shares_stay():
    mixture = adaptive()
    mixture.adapt(1, np.array([1.0, 1.0]))
    mixture.adapt(2, np.array([1.5, 1.0]))
    np.testing.assert_allclose(mixture.shares(3), [0.5, 0.5])


def test_a_state_goes_on_where_it_was():
    ours, theirs = adaptive(), adaptive()
    ours.adapt(1, np.array([4.0, 4.0]))
    ours.adapt(2, np.array([3.0, 4.0]))
    theirs.load_state_dict(json.loads(json.dumps(ours.state_dict())))
    for mixture in (ours, theirs):
        mixture.adapt(3, np.array([2.0, 1.0]))
    for step in range(5):
        np.testing.assert_array_equal(ours.shares(step), theirs.shares(step))


@pytest.mark.parametrize("option", ["rate", "floor"])
def test_parts_of_one_are_from_0_to_1(option):
    with pytest.raises(ValueError, match=rf"mixture\.{option}=1\.5"):
        adaptive(**{option: 1.5})
