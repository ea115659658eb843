"""Whole examples from shares."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt_exp.mixture.quotas import Quotas, apportion

SHARES = np.array([0.62, 0.3, 0.08])


@pytest.mark.parametrize("num_slots", [1, 7, 32])
def test_every_task_has_its_share_of_all_slots_within_one(num_slots):
    quotas = Quotas(lambda step: SHARES, num_slots)
    for step in range(200):
        assert quotas.counts(step).sum() == num_slots
        assert np.abs(quotas.before(step) - SHARES * num_slots * step).max() <= 1


def test_a_run_that_begins_later_draws_the_same():
    whole, later = Quotas(lambda step: SHARES, 5), Quotas(lambda step: SHARES, 5)
    expected = [whole.order(step).tolist() for step in range(50)]
    assert [later.order(step).tolist() for step in range(40, 50)] == expected[40:]


def test_the_order_spreads_each_task_over_the_step():
    order = Quotas(lambda step: np.array([0.5, 0.25, 0.25]), 8).order(0)
    assert sorted(order[:4]) == sorted(order[4:]) == [0, 0, 1, 2]


def test_slots_follow_shares_that_change():
    quotas = Quotas(lambda step: np.array([1.0, 0.0]) if step < 3 else np.array([0.25, 0.75]), 4)
    assert [quotas.counts(step).tolist() for step in range(5)] == [[4, 0]] * 3 + [[1, 3]] * 2


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=6).filter(lambda x: sum(x) > 0.1), st.integers(1, 40))
def test_changing_shares_always_fill_every_step(weights, num_slots):
    shares = np.array(weights) / sum(weights)
    quotas = Quotas(lambda step: np.roll(shares, step), num_slots)
    for step in range(12):
        counts = quotas.counts(step)
        assert counts.sum() == num_slots
        assert (counts >= 0).all()


def test_numbers_that_were_exceeded_before_are_made_up_for():
    assert apportion(np.array([-0.6, -0.6, 5.2]), 4).tolist() == [0, 0, 4]
