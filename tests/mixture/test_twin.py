"""As many examples of a task alone as it has beside the others."""

import numpy as np
import pytest

from gpt_exp.mixture.adaptive import Adaptive
from gpt_exp.mixture.annealed import Annealed
from gpt_exp.mixture.constant import explicit, proportional, uniform
from gpt_exp.mixture.twin import twin_batch_size

SIZES = {"a": 300, "b": 100}


def of(mixture, only="a", **how):
    return twin_batch_size(
        mixture, list(SIZES), only, **({"batch_size": 64, "num_steps": 50, "divisor": 1} | how)
    )


def test_it_is_the_share_of_a_batch():
    assert of(proportional(sizes=SIZES)) == 48
    assert of(proportional(sizes=SIZES), "b") == 16


def test_a_share_that_moves_counts_by_its_mean():
    moving = Annealed(sizes=SIZES, begin=uniform, end=proportional, max_steps=5000)
    shares = [moving.shares(step)[0] for step in range(5000)]
    assert of(moving, num_steps=5000, batch_size=1000) == round(1000 * np.mean(shares))


def test_it_falls_into_micro_batches_and_is_never_empty():
    rare = explicit(sizes=SIZES, weights={"a": 1000})
    assert of(rare, "b", divisor=4) == 4
    assert of(proportional(sizes=SIZES), batch_size=60, divisor=4) == 44


def test_shares_that_validation_decides_are_not_known_before():
    with pytest.raises(ValueError, match="only=a: an adaptive mixture"):
        of(Adaptive(sizes=SIZES, begin=uniform))
