"""The moving average: what it is, who sees it, and that a run with it goes on exactly."""

import json

import pytest
import torch
from lightning.pytorch import Callback

from gpt_exp import job
from gpt_exp.callback.ema import KEY, ExponentialMovingAverage
from gpt_exp.run.checkpoint_io import load_weights
from gpt_exp.run.lines import read_metrics

EMA = ("callback=[checkpoint,samples,ema]", "callback.ema.decay=0.7", "callback.checkpoint.every_n_steps=5")
ACCUMULATE = "trainer.accumulate_grad_batches=2"


class Crash(BaseException):
    """What no code of the run catches: stands for SIGKILL."""


@pytest.fixture
def steps(monkeypatch) -> list[dict[str, torch.Tensor]]:
    """The raw weights after each optimizer step of runs in this process."""
    seen: dict[int, dict[str, torch.Tensor]] = {}
    original = ExponentialMovingAverage.on_train_batch_end

    def on_train_batch_end(self, trainer, pl_module, *args):
        seen[trainer.global_step] = {n: p.detach().clone() for n, p in pl_module.model.named_parameters()}
        original(self, trainer, pl_module, *args)

    def on_train_start(self, trainer, pl_module):
        seen[0] = {n: p.detach().clone() for n, p in pl_module.model.named_parameters()}
        start(self, trainer, pl_module)

    start = ExponentialMovingAverage.on_train_start
    monkeypatch.setattr(ExponentialMovingAverage, "on_train_batch_end", on_train_batch_end)
    monkeypatch.setattr(ExponentialMovingAverage, "on_train_start", on_train_start)
    return seen


def average_of(steps, last: int) -> dict[str, torch.Tensor]:
    average = {name: weight.double() for name, weight in steps[0].items()}
    for step in range(1, last + 1):
        kept = min(0.7, (1 + step) / (10 + step))
        average = {n: kept * w + (1 - kept) * steps[step][n].double() for n, w in average.items()}
    return {name: weight.float() for name, weight in average.items()}


def state(folder, step: int) -> dict:
    return torch.load(folder.checkpoint(step) / "state.pt", weights_only=True)


def test_what_is_validated_saved_and_evaluated_is_the_average(train, steps):
    folder = train(*EMA, ACCUMULATE, "trainer.limit_val_batches=1.0")
    assert set(steps) == set(range(21))
    for step in (15, 20):
        torch.testing.assert_close(load_weights(folder.checkpoint(step)), average_of(steps, step))
        raw = {f"model.{name}": weight for name, weight in steps[step].items()}
        torch.testing.assert_close(state(folder, step)[KEY]["raw"], raw, rtol=0, atol=0)
    losses = {line["step"]: line["val/loss"] for line in read_metrics(folder.metrics) if "val/loss" in line}
    best = json.loads(folder.best.read_text())
    assert best["step"] == 20 and best["value"] == losses[20]
    # The loss of what the best checkpoint holds, on all of the same text.
    evaluated = json.loads(folder.results.read_text())["val"]["loss"]
    assert evaluated == pytest.approx(losses[20], rel=1e-6)


def test_a_run_that_was_broken_off_goes_on_with_the_same_bits(train, new_run, monkeypatch):
    monkeypatch.setattr(job, "finish", lambda *args: None)  # Training is what goes on.
    whole = train(*EMA, ACCUMULATE, name="whole")
    broken = new_run(*EMA, ACCUMULATE, name="broken")
    with monkeypatch.context() as patched, pytest.raises(Crash):
        patched.setattr(Callback, "on_train_batch_end", crash_at_12)
        job.run(broken)
    assert max(int(path.name[5:]) for path in broken.checkpoints()) == 10
    assert job.run(broken) == 0
    weights = [(folder.checkpoint(20) / "model.safetensors").read_bytes() for folder in (whole, broken)]
    assert weights[0] == weights[1]
    for part in (KEY, "optimizer_states"):
        states = [state(folder, 20)[part] for folder in (whole, broken)]
        torch.testing.assert_close(states[0], states[1], rtol=0, atol=0)
    assert whole.metrics.read_bytes() == broken.metrics.read_bytes()


def crash_at_12(self, trainer, *args) -> None:
    if trainer.global_step == 12:
        raise Crash


def test_half_precision_weights_have_an_average_in_full():
    from lightning.pytorch import LightningModule

    module = LightningModule()
    module.model = torch.nn.Linear(2, 2).bfloat16()
    average, trainer = ExponentialMovingAverage(decay=0.999), torch.nn.Module()
    trainer.global_step = 0
    average.on_train_start(trainer, module)
    for trainer.global_step in range(1, 4):
        module.model.weight.data += 0.01
        average.on_train_batch_end(trainer, module)
    checkpoint = {"state_dict": module.state_dict()}
    average.on_save_checkpoint(trainer, module, checkpoint)
    other, loaded = LightningModule(), ExponentialMovingAverage(decay=0.999)
    other.model = torch.nn.Linear(2, 2).bfloat16()
    other.load_state_dict(checkpoint["state_dict"])
    assert not other.model.weight.equal(module.model.weight)
    loaded.on_load_checkpoint(trainer, other, checkpoint)
    loaded.on_train_start(trainer, other)
    torch.testing.assert_close(other.state_dict(), module.state_dict(), rtol=0, atol=0)
    torch.testing.assert_close(loaded._average, average._average, rtol=0, atol=0)
    assert loaded._average["model.weight"].dtype == torch.float32


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_an_impossible_decay_is_refused(decay):
    with pytest.raises(ValueError, match=f"decay={decay} must be at least 0 and below 1"):
        ExponentialMovingAverage(decay=decay)
