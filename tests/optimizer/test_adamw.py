"""AdamW as nanoGPT configures it."""

import torch
from torch import nn

from gpt_exp.optimizer.adamw import adamw
from gpt_exp.optimizer.parameter_groups import parameter_groups


def step(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    model(torch.arange(16)).square().mean().backward()
    optimizer.step()
    optimizer.zero_grad()


def test_decay_shrinks_matrices_alone_where_gradients_are_zero(model: nn.Module) -> None:
    before = [p.detach().clone() for p in model.parameters()]
    optimizer = adamw(model, lr=0.5, weight_decay=0.1)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for old, new in zip(before, model.parameters(), strict=True):
        torch.testing.assert_close(new, old * (0.95 if old.ndim == 2 else 1.0))


def test_the_fused_step_is_plain_adamws() -> None:
    fused, plain = (nn.Sequential(nn.Embedding(16, 8), nn.Linear(8, 8)) for _ in range(2))
    plain.load_state_dict(fused.state_dict())
    groups = parameter_groups(plain, 0.1)
    optimizers = adamw(fused, lr=1e-2), torch.optim.AdamW(groups, lr=1e-2, betas=(0.9, 0.95), fused=False)
    for model, optimizer in zip((fused, plain), optimizers, strict=True):
        for _ in range(3):
            step(model, optimizer)
    for ours, reference in zip(fused.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours, reference)
