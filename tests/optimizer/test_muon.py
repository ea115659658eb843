"""Muon: which parameters it moves, how far, and that it goes on exactly after a restart."""

import copy
import io
from collections.abc import Callable
from functools import partial
from pydoc_data.topics import topics

import pytest
import torch
from torch import Tensor, nn

from gpt_exp.model.gpt2 import GPT2
from gpt_exp.optimizer.adamw import adamw
from gpt_exp.optimizer.muon import Muon, muon
from gpt_exp.optimizer.newton_schulz import orthogonalize

TEXT = topics["compound"] + topics["typesseq"]


def train(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int, first: int = 0) -> float:
    """Learn a fixed random mapping of tokens."""
    targets = torch.randperm(16, generator=torch.Generator().manual_seed(1))
    for step in range(first, first + steps):
        tokens = torch.randint(16, (32,), generator=torch.Generator().manual_seed(step))
        loss = nn.functional.cross_entropy(model(tokens), targets[tokens])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return loss.item()


def set_gradients(model: nn.Module) -> None:
    model(torch.arange(16)).square().mean().backward()


def hidden_matrices(model: nn.Module) -> list[Tensor]:
    return [p for p in model.get_submodule("blocks").parameters() if p.ndim == 2]


def test_every_parameter_has_one_group_and_hidden_matrices_have_muons(model: nn.Module) -> None:
    groups = muon(model).param_groups
    assert [id(p) for p in groups[0]["params"]] == [id(p) for p in hidden_matrices(model)]
    everything = [id(p) for group in groups for p in group["params"]]
    assert sorted(everything) == sorted(id(p) for p in model.parameters())


def test_hidden_matrices_take_an_orthogonal_step(model: nn.Module) -> None:
    before = [p.detach().clone() for p in hidden_matrices(model)]
    set_gradients(model)
    gradients = [p.grad.clone() for p in hidden_matrices(model)]  # type: ignore[union-attr]
    muon(model, lr=0.1, weight_decay=0.0).step()
    expected = orthogonalize([g * (1 - 0.95**2) for g in gradients])  # The first step's Nesterov momentum.
    for old, new, update in zip(before, hidden_matrices(model), expected, strict=True):
        torch.testing.assert_close(new, old - 0.1 * update, atol=2e-3, rtol=0)  # bfloat16


def test_the_rest_takes_exactly_torchs_adamw_step(model: nn.Module) -> None:
    other = copy.deepcopy(model)
    ours, torchs = muon(model, adamw_lr=1e-2), adamw(other, lr=1e-2)
    hidden = {name for name, p in model.named_parameters() if name.startswith("blocks.") and p.ndim == 2}
    for _ in range(3):
        set_gradients(model)
        for mine, its in zip(model.parameters(), other.parameters(), strict=True):
            its.grad = mine.grad.clone()  # type: ignore[union-attr]
        ours.step()
        torchs.step()
        ours.zero_grad()
    for (name, mine), its in zip(model.named_parameters(), other.parameters(), strict=True):
        assert name in hidden or torch.equal(mine, its), name


def test_decay_shrinks_matrices_alone_where_gradients_are_zero(model: nn.Module) -> None:
    before = [p.detach().clone() for p in model.parameters()]
    optimizer = muon(model, lr=0.5, adamw_lr=0.5, weight_decay=0.1)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for old, new in zip(before, model.parameters(), strict=True):
        torch.testing.assert_close(new, old * (0.95 if old.ndim == 2 else 1.0))


def language_loss(make: Callable[[nn.Module], torch.optim.Optimizer], num_steps: int = 40) -> float:
    """Of a tiny GPT after some steps on real text."""
    torch.manual_seed(0)
    model = GPT2(vocab_size=128, context_length=32, num_layers=2, num_heads=2, embedding_dim=32)
    text = torch.tensor([ord(character) for character in TEXT if character.isascii()])
    optimizer, generator = make(model), torch.Generator().manual_seed(0)
    losses = []
    for _ in range(num_steps):
        starts = torch.randint(len(text) - 33, (16, 1), generator=generator)
        tokens = text[starts + torch.arange(33)]
        loss = model.loss(model(tokens[:, :-1]), tokens[:, 1:])
        (loss.total / loss.num_targets).backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.total.item() / (16 * 32))
    return sum(losses[-5:]) / 5


def test_learns_language_faster_than_adamw_at_its_best() -> None:
    best = min(language_loss(partial(adamw, lr=lr)) for lr in (3e-3, 1e-2, 3e-2))
    assert language_loss(partial(muon, lr=0.02, adamw_lr=1e-2)) < best - 0.1


def test_goes_on_exactly_from_a_plain_state(model: nn.Module) -> None:
    optimizer = muon(model)
    train(model, optimizer, 3)
    file = io.BytesIO()
    torch.save([model.state_dict(), optimizer.state_dict()], file)
    train(model, optimizer, 3, first=3)

    file.seek(0)
    weights, state = torch.load(file, weights_only=True)
    resumed = copy.deepcopy(model)
    resumed.load_state_dict(weights)
    resumed_optimizer = muon(resumed)
    resumed_optimizer.load_state_dict(state)
    train(resumed, resumed_optimizer, 3, first=3)
    for mine, its in zip(model.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(mine, its)


def test_a_schedule_scales_both_learning_rates(model: nn.Module) -> None:
    optimizer = muon(model, lr=0.02, adamw_lr=0.004)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5**step)
    set_gradients(model)
    optimizer.step()
    scheduler.step()
    assert [group["lr"] for group in optimizer.param_groups] == [0.01, 0.002, 0.002]


def test_a_parameter_without_a_gradient_stays(model: nn.Module) -> None:
    set_gradients(model)
    unused = hidden_matrices(model)[0]
    unused.grad, before = None, unused.detach().clone()
    muon(model).step()
    assert torch.equal(unused, before)


def test_sharded_matrices_are_refused(monkeypatch: pytest.MonkeyPatch, model: nn.Module) -> None:
    monkeypatch.setattr(nn.Parameter, "full_tensor", lambda self: self, raising=False)
    with pytest.raises(ValueError, match="FSDP2"):
        Muon([{"params": hidden_matrices(model), "lr": 0.1, "momentum": 0.9, "weight_decay": 0.0}])
