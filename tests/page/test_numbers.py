"""Numbers read well, also at the borders between units."""

import math
from datetime import UTC, datetime

import pytest

from gpt_exp.page.numbers import ago, count, duration, rounded, size


def test_counts_have_three_digits_and_a_unit():
    numbers = (0, 12, 999, 12_345, 999_999, 1_234_567, 12_345_678, 1.5e9, 2e12, -1500)
    read = ["0", "12", "999", "12.3 k", "1 M", "1.23 M", "12.3 M", "1.5 B", "2 T", "-1.5 k"]
    assert [count(n) for n in numbers] == read


def test_sizes_are_those_on_the_box():
    assert [size(n) for n in (0, 517, 5e6, 1.5e9, 1.1e11)] == ["0", "517 bytes", "5 MB", "1.5 GB", "110 GB"]


def test_durations_have_two_units_at_most():
    seconds = (0.42, 9.8, 42, 60, 125, 3599.7, 11_220, 7200, 187_200, 2e6)
    read = ["0.42 s", "9.8 s", "42 s", "1 min", "2 min 5 s", "1 h", "3 h 7 min", "2 h", "2 d 4 h", "23 d 4 h"]
    assert [duration(s) for s in seconds] == read


def test_no_duration_counts_sixty_of_a_unit():
    for seconds in (*range(0, 200_000, 37), 86_399, 86_370):
        assert not {"60 s", "60 min", "24 h"} & {
            duration(seconds),
            duration(seconds)[-4:],
            duration(seconds)[-6:],
        }


def test_values_keep_four_digits_and_no_tail():
    values = (2.71312, 0.02, 600, 1234.56, 15_384.0, 0.0000123, 1e9, float("nan"), float("inf"))
    read = ["2.713", "0.02", "600", "1,235", "15,384", "1.23e-05", "1 B", "nan", "inf"]
    assert [rounded(v) for v in values] == read


@pytest.mark.parametrize(
    ("time", "read"),
    [
        ("2026-11-24T11:59:58+00:00", "just now"),
        ("2026-11-24T11:59:20+00:00", "40 s ago"),
        ("2026-11-24T12:55:00+01:00", "5 min ago"),
        ("2026-11-22T11:00:00+00:00", "2 d ago"),
        ("2026-11-24T12:00:10+00:00", "just now"),  # Another machine's clock.
    ],
)
def test_times_are_told_by_their_age(time, read):
    assert ago(time, datetime(2026, 11, 24, 12, tzinfo=UTC)) == read


@pytest.mark.parametrize("seconds", [math.nan, math.inf, -math.inf])
def test_a_time_that_is_no_number_is_told_as_such(seconds):
    assert duration(seconds) == str(seconds)
