from __future__ import annotations

import pytest
import torch

from gpt_exp.balance.pc_grad import PCGrad

NAMES = ["translation", "sentiment"]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def projected_one_by_one(gradients, generator):
    """The paper's algorithm 1, on the gradients themselves."""
    total = torch.zeros_like(gradients[0])
    for i, gradient in enumerate(gradients):
        own = gradient.clone()
        for j in torch.randperm(len(gradients), generator=generator).tolist():
            if i != j and own @ gradients[j] < 0:
                own -= own @ gradients[j] / (gradients[j] @ gradients[j]) * gradients[j]
        total += own
    return total


def test_conflicting_gradients_of_two_quadratics_are_projected(quadratics):
    gradients = quadratics.gradients(torch.tensor([0.5, 1.0]))
    assert gradients.tolist() == [[0.5, 1], [-2, 4]]  # Inner product 3: no conflict.
    gradients = quadratics.gradients(torch.tensor([0.5, 0.25]))
    assert gradients.tolist() == [[0.5, 0.25], [-2, 1]]  # -0.75, and 0.3125 and 5 with themselves.
    by_hand = torch.tensor([0.5, 0.25]) + 0.15 * torch.tensor([-2.0, 1.0])  # 0.75 / 5
    by_hand += torch.tensor([-2.0, 1.0]) + 2.4 * torch.tensor([0.5, 0.25])  # 0.75 / 0.3125
    torch.testing.assert_close(PCGrad(NAMES).combine(gradients, seeded()), by_hand)


def test_gradients_that_do_not_conflict_are_summed(quadratics):
    gradients = quadratics.gradients(torch.tensor([0.5, 1.0]))
    assert PCGrad(NAMES).combine(gradients, seeded()).tolist() == gradients.sum(0).tolist()


def test_descent_ends_between_the_minima_where_gradients_are_opposed(quadratics):
    x = torch.tensor([0.6, 2.0])
    for _ in range(500):
        x = x - 0.05 * PCGrad(NAMES).combine(quadratics.gradients(x), seeded())
    assert abs(float(x[1])) < 1e-4
    assert 0 < float(x[0]) < 1


@pytest.mark.parametrize("seed", range(5))
def test_many_tasks_equal_the_algorithm_of_the_paper_in_the_same_order(seed):
    gradients = torch.randn(6, 8, generator=seeded(100 + seed))
    balance = PCGrad([str(i) for i in range(6)])
    ours = balance.combine(gradients, seeded(seed))
    torch.testing.assert_close(ours, projected_one_by_one(gradients, seeded(seed)), atol=1e-5, rtol=1e-5)
    assert torch.equal(ours, balance.combine(gradients, seeded(seed)))
    assert not torch.allclose(ours, balance.combine(gradients, seeded(seed + 50)))  # Another order.


@pytest.mark.parametrize("size", [0.0, 1e-30])
def test_a_task_without_gradient_is_left_out(size):
    gradients = torch.tensor([[1.0, 0.0], [-1.0, 1.0], [-size, 0.0]])
    with_it = PCGrad([*NAMES, "recommendation"]).combine(gradients, seeded())
    torch.testing.assert_close(with_it, PCGrad(NAMES).combine(gradients[:2], seeded()))


def test_weights_are_of_the_losses(quadratics):
    gradients = quadratics.gradients(torch.tensor([0.5, 0.25]))
    ours = PCGrad(NAMES, weights={"sentiment": 0.5}).combine(gradients, seeded())
    scaled = gradients * torch.tensor([[1.0], [0.5]])
    torch.testing.assert_close(ours, PCGrad(NAMES).combine(scaled, seeded()))
    with pytest.raises(ValueError, match="did you mean sentiment"):
        PCGrad(NAMES, weights={"sentimnt": 0.5})


def test_autocast_does_not_round_the_gradients(quadratics):
    gradients = torch.randn(2, 50, generator=seeded())
    expected = PCGrad(NAMES).combine(gradients, seeded())
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(PCGrad(NAMES).combine(gradients, seeded()), expected)
