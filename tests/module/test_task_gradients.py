"""Three tasks that read one table; two of them have a head of their own, and one writes to another table."""

import pytest
import torch
from lightning.pytorch.strategies import SingleDeviceStrategy
from torch import nn

from gpt_exp.module.task_gradients import TaskGradients

STRATEGY = SingleDeviceStrategy("cpu")


def weights():
    """A shared table of two rows, a head, another head, what none uses."""
    return [nn.Parameter(torch.ones(n)) for n in (2, 1, 3, 1)]


def gradients(parameters, *micro_batches):
    found = TaskGradients(parameters, num_tasks=3)
    for losses in micro_batches:
        found.add(losses)
    found.gather(STRATEGY)
    return found


def losses(parameters, scale=1.0):
    shared, head, table, _ = parameters
    return {
        0: scale * (shared @ torch.tensor([3.0, 4.0]) + 7 * head.sum()),
        1: scale * (shared @ torch.tensor([-4.0, 0.0]) + 9 * table.sum()),
        2: scale * (shared @ torch.tensor([0.0, 2.0]) + table @ torch.tensor([0.0, 0.0, 1.0])),
    }


def test_rows_are_the_tasks_gradients_and_zeros_where_a_task_has_none():
    expected = [[3, 4, 7, 0, 0, 0, 0], [-4, 0, 0, 9, 9, 9, 0], [0, 2, 0, 0, 0, 1, 0]]
    parameters = weights()
    assert gradients(parameters, losses(parameters)).rows.tolist() == expected


def test_micro_batches_add_up_also_where_some_lack_a_task():
    parameters = weights()
    parts = [losses(parameters, 0.25), {0: losses(parameters, 0.75)[0]}, losses(parameters, 0.5)]
    del parts[2][0]
    found, whole = gradients(parameters, *parts), gradients(parameters, losses(parameters))
    assert found.rows[0].tolist() == whole.rows[0].tolist()
    assert found.rows[1].tolist() == (0.75 * whole.rows[1]).tolist()
    torch.testing.assert_close(found.cosines(), whole.cosines())


def test_a_pair_s_cosine_is_by_the_weights_that_both_use():
    parameters = weights()
    cosines = gradients(parameters, losses(parameters)).cosines()
    assert cosines[0, 1] == pytest.approx(-12 / (5 * 4))  # The shared table alone.
    assert cosines[0, 2] == pytest.approx(8 / (5 * 2))
    assert cosines[1, 2] == pytest.approx(9 / ((16 + 3 * 81) ** 0.5 * 5**0.5))  # And the other table.
    torch.testing.assert_close(cosines, cosines.T)
    torch.testing.assert_close(cosines.diagonal(), torch.ones(3, dtype=torch.float64))


def test_a_task_without_a_gradient_has_no_cosine():
    parameters = weights()
    known = losses(parameters)
    del known[2]
    assert gradients(parameters, known).cosines()[:2, 2].isnan().all()
    known = losses(parameters)
    cosines = gradients(parameters, {**known, 1: 0 * known[1]}).cosines()
    assert cosines[0, 1].isnan()
    assert cosines[0, 2].isfinite()


def test_norms_are_by_the_weights_that_are_named():
    parameters = weights()
    found = gradients(parameters, losses(parameters))
    torch.testing.assert_close(found.norms(parameters[:1]), torch.tensor([5.0, 4.0, 2.0]))
    assert found.norms(parameters).tolist() == found.rows.norm(dim=1).tolist()


def test_weights_that_no_loss_depends_on_get_no_gradient_and_the_others_zeros():
    """Else an optimizer's momentum and decay would move a head while its task is away."""
    parameters = weights()
    found = gradients(parameters, {0: losses(parameters)[0] * 0})
    found.put(found.rows.sum(0))
    assert [p.grad is None for p in parameters] == [False, False, True, True]
    assert parameters[0].grad.tolist() == [0, 0]


def test_weights_of_a_low_precision_have_exact_sums():
    parameter = nn.Parameter(torch.ones(1, dtype=torch.bfloat16))
    found = TaskGradients([parameter], num_tasks=1)
    for factor in (256.0, 1.0, 1.0):
        found.add({0: factor * parameter.sum()})
    assert found.rows.tolist() == [[258.0]]  # bfloat16 has no 257.
    found.put(found.rows[0])
    assert parameter.grad.dtype == torch.bfloat16
