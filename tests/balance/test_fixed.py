from __future__ import annotations

import pytest
import torch

from gpt_exp.balance.fixed import Fixed

NAMES = ["translation", "sentiment"]


def test_the_sum_of_the_losses_by_their_weights():
    balance = Fixed(NAMES, weights={"translation": 2})
    losses = torch.tensor([3.0, 0.5], requires_grad=True)
    loss = balance.loss(losses)
    loss.backward()
    assert loss.item() == 6.5
    assert losses.grad is not None
    assert losses.grad.tolist() == [2, 1]
    assert balance.weights() == {"translation": 2, "sentiment": 1}


def test_gradient_descent_ends_at_the_weighted_mean_of_the_minima(quadratics):
    balance = Fixed(NAMES, weights={"translation": 2})
    x = torch.tensor([5.0, -3.0], requires_grad=True)
    for _ in range(60):
        (gradient,) = torch.autograd.grad(balance.loss(quadratics.losses(x)), x)
        x = (x - 0.1 * gradient).detach().requires_grad_()
    torch.testing.assert_close(x.detach(), torch.tensor([4 / 6, 0]))  # (2 * 1 * 0 + 1 * 4 * 1) / (2 + 4)


def test_adds_up_over_micro_batches():
    balance = Fixed(NAMES, weights={"sentiment": 0.3})
    micro_batches = torch.tensor([[1.5, 0.0], [0.25, 2.0], [0.0, 1.0]])
    torch.testing.assert_close(
        sum(balance.loss(each) for each in micro_batches), balance.loss(micro_batches.sum(0))
    )


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"translaton": 2}, r"balance\.weights\.translaton: no such task; did you mean translation\?"),
        ({"music": 2}, r"balance\.weights\.music: no such task; there is translation, sentiment"),
        ({"sentiment": -1}, r"balance\.weights\.sentiment=-1 must be finite and at least 0"),
        ({"sentiment": float("nan")}, r"balance\.weights\.sentiment=nan must be finite and at least 0"),
        ({"sentiment": float("inf")}, r"balance\.weights\.sentiment=inf must be finite and at least 0"),
    ],
)
def test_what_names_no_task_or_is_no_weight_is_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        Fixed(NAMES, weights=weights)


def test_a_task_of_weight_0_is_not_learnt():
    assert Fixed(NAMES, weights={"sentiment": 0}).loss(torch.tensor([3.0, 0.5])).item() == 3


def test_a_checkpoint_does_not_bring_back_other_weights_than_the_config():
    balance = Fixed(NAMES, weights={"sentiment": 3})
    balance.load_state_dict(Fixed(NAMES).state_dict())
    assert balance.weights()["sentiment"] == 3
