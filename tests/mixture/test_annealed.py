"""Shares on the way between two mixtures."""

import numpy as np
import pytest

from gpt_exp.mixture.annealed import Annealed
from gpt_exp.mixture.constant import proportional, uniform

SIZES = {"a": 90, "b": 10}


def test_shares_go_from_one_mixture_to_the_other_in_a_straight_line():
    mixture = Annealed(
        sizes=SIZES, begin=uniform, end=proportional, max_steps=100, begin_step=0.2, end_step=60
    )
    found = [mixture.shares(step)[0] for step in (0, 20, 30, 60, 99)]
    np.testing.assert_allclose(found, [0.5, 0.5, 0.6, 0.9, 0.9])


def test_steps_that_go_backwards_are_refused():
    with pytest.raises(ValueError, match=r"mixture\.begin_step=50 .* mixture\.end_step=0\.1"):
        Annealed(sizes=SIZES, begin=uniform, end=uniform, max_steps=100, begin_step=50, end_step=0.1)
