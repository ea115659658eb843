"""Speed and time left, by a clock that the test turns."""

import pytest

from gpt_exp.callback.pace import Pace


def test_steps_a_second() -> None:
    pace = Pace(step=100, now=50.0)
    pace.mark(110, 55.0)
    assert pace.steps_per_second == pytest.approx(2.0)
    assert pace.seconds_left(30) == pytest.approx(15.0)
    assert pace.elapsed == pytest.approx(5.0)


def test_nothing_is_told_before_a_step() -> None:
    pace = Pace(step=100, now=50.0)
    pace.mark(100, 60.0)
    assert pace.steps_per_second == 0.0
    assert pace.seconds_left(30) is None


def test_a_slow_start_is_forgotten() -> None:
    pace = Pace(step=0, now=0.0)
    pace.mark(1, 60.0)  # Compiling.
    for second in range(1, 41):
        pace.mark(1 + 10 * second, 60.0 + second)
    assert pace.steps_per_second == pytest.approx(10.0)


def test_validation_is_not_speed_but_takes_its_share_of_the_time_left() -> None:
    pace = Pace(step=0, now=0.0)
    pace.mark(10, 5.0)
    pace.pause(10.0)
    pace.mark(20, 20.0)
    assert pace.steps_per_second == pytest.approx(2.0)
    assert pace.seconds_left(20) == pytest.approx(20.0)
