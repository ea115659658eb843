from __future__ import annotations

import pytest
import torch

from gpt_exp.balance.fixed import Fixed
from gpt_exp.balance.grad_norm import GradNorm

NAMES = ["translation", "sentiment"]
NAN = float("nan")


def weights(balance):
    return torch.tensor(list(balance.weights().values()))


@pytest.mark.parametrize("alpha", [0.0, 1.5])
def test_badly_scaled_quadratics_pull_equally_hard_at_a_point(quadratics, alpha):
    """No progress, so that all rates are equal: weights are inverse to the norms, at any alpha."""
    scaled, x = quadratics._replace(curvatures=torch.tensor([1.0, 100.0])), torch.tensor([2.0, 1.0])
    balance, norms = GradNorm(NAMES, alpha=alpha, lr=0.01), scaled.gradients(x).norm(dim=1)
    for _ in range(400):
        balance.after_norms(scaled.losses(x), norms)
    expected = 2 * (1 / norms) / (1 / norms).sum()
    torch.testing.assert_close(weights(balance), expected, rtol=0.02, atol=0)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.5, 3.0])
def test_norms_of_three_tasks_are_as_their_rates_to_the_power_of_alpha(alpha):
    balance = GradNorm([*NAMES, "recommendation"], alpha=alpha, lr=0.02)
    first, later, norms = torch.tensor([[4.0, 1.0, 2.0], [3.6, 0.2, 1.0], [0.3, 5.0, 2.0]])
    balance.after_norms(first, norms)
    for _ in range(400):
        balance.after_norms(later, norms)
    expected = (later / first) ** alpha / norms
    torch.testing.assert_close(weights(balance), 3 * expected / expected.sum(), rtol=0.05, atol=0)


def learnt(balance, curvatures):
    """How far two quadratics, of a coordinate each, have come down after gradient descent together."""
    x = torch.ones(2)
    for _ in range(300):
        losses, gradients = curvatures / 2 * x**2, curvatures * x
        x = x - 0.002 * weights(balance) * gradients
        if isinstance(balance, GradNorm):
            balance.after_norms(losses, gradients.abs())
    return x**2


def test_badly_scaled_tasks_learn_equally_fast():
    curvatures = torch.tensor([1.0, 20.0])
    slow, fast = learnt(Fixed(NAMES), curvatures)
    assert slow > 1000 * fast
    slow, fast = learnt(GradNorm(NAMES, lr=0.1), curvatures)
    assert slow < 1.2 * fast


def test_weights_sum_to_the_number_of_tasks_and_stay_above_0():
    balance, generator = GradNorm(NAMES, lr=0.5), torch.Generator().manual_seed(1)
    for _ in range(200):
        losses, norms = torch.rand(2, 2, generator=generator) ** 8
        balance.after_norms(losses, norms)
        assert weights(balance).min() > 0
        assert float(weights(balance).sum()) == pytest.approx(2)


@pytest.mark.parametrize(
    "absent", [([1, 2, NAN], [1, 2, NAN]), ([1, 2, 3], [1, 2, 0]), ([1, 2, 0], [1, 2, 9])]
)
def test_a_task_without_a_gradient_keeps_its_weight_and_the_others_their_sum(absent):
    balance = GradNorm([*NAMES, "recommendation"], alpha=0)
    balance.after_norms(torch.ones(3), torch.tensor([1.0, 2.0, 7.0]))
    before = weights(balance)
    balance.after_norms(*torch.tensor(absent, dtype=torch.float32))
    after = weights(balance)
    assert after[2] == before[2]
    assert after[0] > before[0]
    torch.testing.assert_close(after[:2].sum(), before[:2].sum())


def test_a_step_without_any_task_changes_nothing():
    balance = GradNorm(NAMES)
    balance.after_norms(torch.full((2,), NAN), torch.full((2,), NAN))
    assert weights(balance).tolist() == [1, 1]
    assert balance.first_losses.isnan().all()


def test_a_task_alone_keeps_its_weight():
    balance = GradNorm(NAMES)
    balance.after_norms(torch.tensor([3.0, NAN]), torch.tensor([5.0, NAN]))
    assert weights(balance).tolist() == [1, 1]
    assert balance.first_losses.tolist()[0] == 3


def test_rates_count_from_the_first_loss_of_each_task():
    balance = GradNorm(NAMES)
    for losses in ([4.0, NAN], [2.0, 8.0], [1.0, 4.0]):
        balance.after_norms(torch.tensor(losses), torch.ones(2))
    assert balance.first_losses.tolist() == [4, 8]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alpha": -0.1}, r"balance\.alpha=-0\.1 must be at least 0"),
        ({"lr": 0.0}, r"balance\.lr=0\.0 must be above 0"),
    ],
)
def test_settings_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        GradNorm(NAMES, **arguments)
