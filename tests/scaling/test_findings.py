"""When a number of the law counts as determined."""

import pytest

from gpt_exp.scaling.findings import _is_determined
from gpt_exp.scaling.law import Fit, Law, Point

POINTS = [Point(N, D, 2.0 + N / 1e7) for N in (1e5, 2e5, 3e5) for D in (1e6, 2e6, 3e6)]


@pytest.mark.parametrize(
    ("name", "low", "high", "expected"),
    [
        ("E", 1.0, 1.5, True),
        ("E", 0.002, 0.00202, False),  # Nothing but the least that the search allows.
        ("E", 1.5, 2.02, False),  # All of the loss.
        ("alpha", 0.3, 0.4, True),
        ("alpha", 0.05, 0.06, False),
        ("beta", 1.0, 1.5, False),
    ],
)
def test_a_number_at_the_limits_of_the_search_is_not_determined(name, low, high, expected):
    fit = Fit(Law(1.0, 1.0, 1.0, 0.3, 0.3), POINTS, [], [])
    assert _is_determined(fit, name, low, high) is expected
