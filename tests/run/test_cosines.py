"""Cosines of gradients as a run logged them."""

from math import nan

import pytest

from gpt_exp.run.cosines import by_pair, means, pair_of

METRICS = [
    {"step": 1, "train/loss": 3.0, "train/a/loss": 2.0},
    {"step": 50, "train/cosine/a/b": 0.5, "train/cosine/a/c": nan},
    {"step": 100, "train/cosine/a/b": -0.1, "train/cosine/a/c": -0.3},
]


def test_cosines_are_by_pair_and_step():
    assert by_pair(METRICS) == {("a", "b"): [(50, 0.5), (100, -0.1)], ("a", "c"): [(100, -0.3)]}
    assert by_pair(METRICS[:1]) == {}


def test_a_mean_is_over_all_steps_of_all_runs():
    other = {("a", "b"): [(50, -0.7)]}
    assert means([by_pair(METRICS), other]) == {("a", "b"): pytest.approx(-0.1), ("a", "c"): -0.3}
    assert means([{}, {}]) == {}


@pytest.mark.parametrize("key", ["train/cosine/loss", "train/a/loss", "val/cosine/a/b", "step"])
def test_other_metrics_are_no_cosines(key):
    assert pair_of(key) is None
