from __future__ import annotations

import math

import pytest
import torch

from gpt_exp.balance.dynamic_average import DynamicAverage

NAMES = ["translation", "sentiment"]


def softmax_weights(rates, temperature=2.0):
    powers = [math.exp(rate / temperature) for rate in rates]
    return [len(rates) * power / sum(powers) for power in powers]


def told(balance, *losses):
    for each in losses:
        balance.after_step(torch.tensor(each))
    return list(balance.weights().values())


def test_two_quadratics_under_gradient_descent_have_the_weights_of_their_rates():
    """Alone, each loss shrinks by (1 - lr * curvature)^2 a step."""
    balance, curvatures, x = DynamicAverage(NAMES, every_n_steps=1), torch.tensor([1.0, 8.0]), torch.ones(2)
    for _ in range(2):
        balance.after_step(curvatures / 2 * x**2)
        x = x - 0.1 * curvatures * x
    expected = softmax_weights([0.9**2, 0.2**2])
    assert list(balance.weights().values()) == pytest.approx(expected)
    assert expected[0] > 1 > expected[1]  # What is learnt slowly counts more.


def test_intervals_are_compared_by_their_means():
    balance = DynamicAverage(NAMES, every_n_steps=2, temperature=0.5)
    assert told(balance, [4.0, 1.0], [2.0, 1.0], [1.5, 1.0]) == [1, 1]
    assert told(balance, [0.5, 2.0]) == pytest.approx(softmax_weights([1 / 3, 1.5], 0.5))
    assert told(balance, [9.0, 9.0]) == pytest.approx(softmax_weights([1 / 3, 1.5], 0.5))
    assert told(balance, [1.0, 0.0]) == pytest.approx(softmax_weights([5, 3], 0.5))


def test_steps_and_intervals_without_a_task_say_nothing_about_it():
    balance = DynamicAverage(NAMES, every_n_steps=2)
    told(balance, [4.0, 1.0], [2.0, math.nan])
    told(balance, [1.0, math.nan], [2.0, math.nan])
    assert told(balance) == pytest.approx(softmax_weights([0.5, 1]))  # None yet: unchanged.
    assert told(balance, [1.0, math.nan], [2.0, 0.25]) == pytest.approx(softmax_weights([1, 0.25]))
    assert told(balance, [3.0, math.nan], [3.0, math.nan]) == pytest.approx(softmax_weights([2, 0.25]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"every_n_steps": 0}, r"balance\.every_n_steps=0 must be at least 1"),
        ({"temperature": 0.0}, r"balance\.temperature=0\.0 must be above 0"),
    ],
)
def test_settings_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        DynamicAverage(NAMES, **arguments)
