"""Shares by hand, and mistakes in one line."""

import numpy as np
import pytest

from gpt_exp.mixture.constant import explicit, proportional, temperature, uniform

SIZES = {"translation": 900, "sentiment": 100}


@pytest.mark.parametrize(
    ("mixture", "shares"),
    [
        (proportional(sizes=SIZES), [0.9, 0.1]),
        (uniform(sizes=SIZES), [0.5, 0.5]),
        (temperature(sizes=SIZES, tau=1), [0.9, 0.1]),
        (temperature(sizes=SIZES, tau=2), [0.75, 0.25]),  # Square roots: 30 and 10.
        (explicit(sizes=SIZES, weights={"translation": 4}), [0.8, 0.2]),
    ],
)
def test_shares_are_those_by_hand(mixture, shares):
    for step in (0, 7):
        np.testing.assert_allclose(mixture.shares(step), shares)


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        ({"sentimnt": 1}, "mixture.weights.sentimnt is no task; the tasks are: translation, sentiment"),
        ({"translation": 1, "sentiment": 0}, "mixture.weights.sentiment=0 must be more than 0"),
    ],
)
def test_weights_are_of_tasks_and_positive(weights, told):
    with pytest.raises(ValueError, match=told):
        explicit(sizes=SIZES, weights=weights)


def test_a_tau_below_1_is_refused():
    with pytest.raises(ValueError, match=r"mixture\.tau=0\.5"):
        temperature(sizes=SIZES, tau=0.5)
