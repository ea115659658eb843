from __future__ import annotations

import math

import pytest
import torch

from gpt_exp.balance.uncertainty import Uncertainty

NAMES = ["translation", "sentiment"]


def test_log_variances_converge_to_the_logarithm_of_twice_the_loss():
    balance = Uncertainty(NAMES, lr=0.5)
    for _ in range(80):
        balance.after_step(torch.tensor([3.0, 0.02]))
    torch.testing.assert_close(balance.log_variances, torch.tensor([math.log(6), math.log(0.04)]))
    assert balance.weights() == pytest.approx({"translation": 1 / 6, "sentiment": 25}, rel=1e-4)


def test_a_step_is_one_of_gradient_descent_on_the_objective_of_the_paper():
    balance, losses = Uncertainty(NAMES, lr=0.1), torch.tensor([2.0, 0.1])
    variances = torch.zeros(2, requires_grad=True)
    for _ in range(3):
        balance.after_step(losses)
        objective = (torch.exp(-variances) * losses + variances / 2).sum()
        (gradient,) = torch.autograd.grad(objective, variances)
        variances = (variances - 0.1 * gradient).detach().requires_grad_()
    torch.testing.assert_close(balance.log_variances, variances.detach())


def train(balance, quadratics, steps=400):
    x = torch.zeros(2, requires_grad=True)
    for _ in range(100):  # Else the first gradients of a task of a large scale throw x far away.
        balance.after_step(quadratics.losses(x).detach())
    for _ in range(steps):
        losses = quadratics.losses(x)
        (gradient,) = torch.autograd.grad(balance.loss(losses), x)
        x = (x - 0.2 * gradient).detach().requires_grad_()
        balance.after_step(losses.detach())
    return x.detach()


@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_learnt_together_they_minimise_the_product_of_the_losses_whatever_their_scale(quadratics, scale):
    """With s = log(2 L) the objective is half the sum of log L, and a constant."""
    scaled = quadratics._replace(
        curvatures=quadratics.curvatures * torch.tensor([1, scale]),
        floors=quadratics.floors * torch.tensor([1, scale]),
    )
    grid = torch.linspace(-0.5, 1.5, 20001)
    points = torch.stack([grid, torch.zeros_like(grid)], 1)
    distances = (points[:, None] - quadratics.centres).square().sum(2)
    products = (quadratics.curvatures / 2 * distances + quadratics.floors).prod(1)
    x = train(Uncertainty(NAMES, lr=0.1), scaled)
    torch.testing.assert_close(x, points[products.argmin()], atol=2e-3, rtol=0)


def test_a_task_without_targets_keeps_its_weight():
    balance = Uncertainty(NAMES)
    balance.after_step(torch.tensor([3.0, torch.nan]))
    assert balance.weights()["sentiment"] == 1
    assert balance.weights()["translation"] < 1


@pytest.mark.parametrize("lr", [0.0, -1.0, float("nan")])
def test_a_learning_rate_must_be_above_0(lr):
    with pytest.raises(ValueError, match=r"balance\.lr=.* must be above 0"):
        Uncertainty(NAMES, lr=lr)
