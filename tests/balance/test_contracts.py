"""What every option keeps to: which contracts, what a checkpoint holds, what a cast leaves."""

from __future__ import annotations

import io

import pytest
import torch

from gpt_exp.balance.dynamic_average import DynamicAverage
from gpt_exp.balance.fixed import Fixed
from gpt_exp.balance.grad_norm import GradNorm
from gpt_exp.balance.pc_grad import PCGrad
from gpt_exp.balance.uncertainty import Uncertainty
from gpt_exp.interfaces import Adapting, GradientBalancing, NormBalancing

NAMES = ["translation", "sentiment", "recommendation"]
BALANCES = {
    "fixed": lambda: Fixed(NAMES, weights={"sentiment": 3}),
    "uncertainty": lambda: Uncertainty(NAMES),
    "dynamic_average": lambda: DynamicAverage(NAMES, every_n_steps=3),
    "grad_norm": lambda: GradNorm(NAMES),
    "pc_grad": lambda: PCGrad(NAMES, weights={"sentiment": 3}),
}
every_balance = pytest.mark.parametrize("make", BALANCES.values(), ids=BALANCES)


def tell(balance, steps):
    """Losses and norms that are a function of the step; a task is absent from every fourth."""
    for step in steps:
        losses, norms = torch.rand(2, 3, generator=torch.Generator().manual_seed(step)) + 0.1
        if step % 4 == 0:
            losses[step % 3] = norms[step % 3] = torch.nan
        if isinstance(balance, Adapting):
            balance.after_step(losses)
        if isinstance(balance, NormBalancing):
            balance.after_norms(losses, norms)


@pytest.mark.parametrize(
    ("name", "capabilities"),
    [
        ("fixed", ()),
        ("uncertainty", (Adapting,)),
        ("dynamic_average", (Adapting,)),
        ("grad_norm", (NormBalancing,)),
        ("pc_grad", (GradientBalancing,)),
    ],
)
def test_capabilities(name, capabilities):
    balance = BALANCES[name]()
    all_of_them = (Adapting, NormBalancing, GradientBalancing)
    assert tuple(each for each in all_of_them if isinstance(balance, each)) == capabilities


@every_balance
@pytest.mark.parametrize("stop", [1, 5, 7])
def test_a_run_that_is_resumed_equals_one_that_never_stopped(make, stop):
    whole, first, second = make(), make(), make()
    tell(whole, range(stop))
    tell(first, range(stop))
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second.load_state_dict(torch.load(file, weights_only=True))
    for step in range(stop, 20):
        tell(whole, [step])
        tell(second, [step])
        assert second.weights() == whole.weights()
    if isinstance(whole, (Adapting, NormBalancing)):
        assert len(set(whole.weights().values())) == 3  # It has learnt something.


@every_balance
def test_the_gradient_of_the_loss_is_the_weights(make):
    balance = make()
    tell(balance, range(10))
    losses = torch.rand(3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    (gradient,) = torch.autograd.grad(balance.loss(losses), losses)
    assert balance.weights() == dict(zip(NAMES, gradient.tolist(), strict=True))
    assert not list(balance.parameters())


@every_balance
def test_a_cast_of_the_whole_module_leaves_what_is_learnt_exact(make):
    """Lightning's precision=bf16-true casts every tensor of a module."""
    cast, whole = make().to(torch.bfloat16), make()
    tell(cast, range(20))
    tell(whole, range(20))
    assert cast.weights() == whole.weights()
