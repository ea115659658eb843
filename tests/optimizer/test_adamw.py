"""AdamW as nanoGPT configures it."""

import torch
from torch import nn

from gpt_exp.optimizer.adamw import adamw


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


def test_fused_and_plain_agree() -> None:
    models = [nn.Sequential(nn.Embedding(16, 8), nn.Linear(8, 8)) for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    for model, fused in zip(models, (True, False), strict=True):
        optimizer = adamw(model, lr=1e-2, fused=fused)
        for _ in range(3):
            step(model, optimizer)
    for fast, plain in zip(models[0].parameters(), models[1].parameters(), strict=True):
        torch.testing.assert_close(fast, plain)
