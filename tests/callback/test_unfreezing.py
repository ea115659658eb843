"""Gradual unfreezing: what is frozen keeps its bits, and how it is frozen changes nothing else."""

import os
import subprocess
import sys

import pytest
import torch
from lightning.pytorch import Callback

from gpt_exp import job
from gpt_exp.callback import unfreezing
from gpt_exp.callback.unfreezing import GradualUnfreezing
from gpt_exp.run.checkpoint_io import load_weights
from gpt_exp.run.lines import read_metrics

UNFREEZING = [
    "callback=[checkpoint,samples,unfreezing]",
    "callback.unfreezing.every_n_steps=3",
    "callback.checkpoint.every_n_steps=4",
    "model.num_layers=3",
    "trainer.accumulate_grad_batches=2",
    "trainer.max_steps=12",
    "trainer.val_check_interval=6",
    "trainer.limit_val_batches=1",
]
GPT2, LLAMA = ["model=gpt_micro"], ["model=llama_nano", "model.zero_init_residual=false"]
# The step that first changes each part, where one block more learns every 3 steps.
FIRST = {
    "blocks.2": 1,
    "final_norm": 1,
    "head": 1,
    "blocks.1": 4,
    "blocks.0": 7,
    "token_embedding": 10,
    "position_embedding": 10,
}


class Crash(BaseException):
    """What no code of the run catches: stands for SIGKILL."""


@pytest.fixture
def steps(monkeypatch) -> list[dict[str, torch.Tensor]]:
    """The weights before the first step and after each one."""
    seen = []

    def weights(pl_module):
        return {name: p.detach().clone() for name, p in pl_module.model.named_parameters()}

    def on_train_start(self, trainer, pl_module):
        seen.append(weights(pl_module))

    def on_train_batch_end(self, trainer, pl_module, *args):
        original(self, trainer, pl_module, *args)
        assert all(p.requires_grad for p in pl_module.model.parameters())
        if trainer.global_step == len(seen):
            seen.append(weights(pl_module))

    original = GradualUnfreezing.on_train_batch_end
    monkeypatch.setattr(GradualUnfreezing, "on_train_start", on_train_start)
    monkeypatch.setattr(GradualUnfreezing, "on_train_batch_end", on_train_batch_end)
    monkeypatch.setattr(job, "finish", lambda *args: None)
    return seen


def first_change(seen, name):
    changes = [step for step in range(1, len(seen)) if not torch.equal(seen[step][name], seen[0][name])]
    return changes[0]


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize(
    "model", [["model=gpt_micro"], ["model=llama_nano", "model.zero_init_residual=false"]]
)
def test_weights_keep_their_bits_until_their_step(train, steps, optimizer, model):
    """Weight decay, too, leaves them alone; an output table of its own learns at once."""
    train(*model, f"optimizer={optimizer}", "schedule=constant", *UNFREEZING)
    assert len(steps) == 13
    for name in steps[0]:
        assert first_change(steps, name) == next(
            step for part, step in FIRST.items() if name.startswith(part)
        )


def test_gradients_that_are_dropped_train_the_same_as_those_that_are_not_made(train, monkeypatch):
    """As where there are several devices. Nothing below the trained blocks has a gradient."""
    made = []

    def on_after_backward(self, trainer, pl_module):
        made.append(sum(p.grad is not None for p in pl_module.still))
        original(self, trainer, pl_module)

    original = GradualUnfreezing.on_after_backward
    monkeypatch.setattr(GradualUnfreezing, "on_after_backward", on_after_backward)
    spared = train(*UNFREEZING, name="spared")
    assert made == [0] * 24
    monkeypatch.setattr(unfreezing, "_want_gradients", lambda *args: None)
    dropped = train(*UNFREEZING, name="dropped")
    assert sum(made) > 0
    one, other = (load_weights(folder.checkpoint(12)) for folder in (spared, dropped))
    torch.testing.assert_close(one, other, rtol=0, atol=0)
    assert spared.metrics.read_bytes() == dropped.metrics.read_bytes()


def test_the_log_says_how_many_blocks_learn(train):
    lines = read_metrics(train(*UNFREEZING).metrics)
    assert [line["train/num_unfrozen_blocks"] for line in lines] == [1] * 3 + [2] * 3 + [3] * 6


def test_a_run_that_was_broken_off_goes_on_with_the_same_bits(train, new_run, monkeypatch):
    monkeypatch.setattr(job, "finish", lambda *args: None)
    whole, broken = train(*UNFREEZING, name="whole"), new_run(*UNFREEZING, name="broken")
    with monkeypatch.context() as patched, pytest.raises(Crash):
        patched.setattr(Callback, "on_train_batch_start", crash_at_5)
        job.run(broken)
    assert job.run(broken) == 0
    weights = [(folder.checkpoint(12) / "model.safetensors").read_bytes() for folder in (whole, broken)]
    assert weights[0] == weights[1]
    assert whole.metrics.read_bytes() == broken.metrics.read_bytes()


def crash_at_5(self, trainer, *args) -> None:
    if trainer.global_step == 5:
        raise Crash


def test_what_an_adapter_froze_stays_frozen_and_heads_learn_at_once():
    block, table = torch.nn.Linear(2, 2), torch.nn.Embedding(3, 2)
    model = torch.nn.Module()
    model.token_embedding, model.blocks = table, torch.nn.ModuleList([block, torch.nn.Linear(2, 2)])
    model.heads = torch.nn.ModuleDict({"of_items": torch.nn.Embedding(3, 2)})
    block.bias.requires_grad_(False)
    callback = GradualUnfreezing(every_n_steps=2)
    assert [id(p) for p in callback.frozen(model, 0)] == [id(block.weight), id(table.weight)]
    assert [id(p) for p in callback.frozen(model, 2)] == [id(table.weight)]
    assert callback.frozen(model, 4) == []


@pytest.mark.parametrize("key", ["num_blocks", "every_n_steps"])
def test_less_than_one_is_refused(key):
    with pytest.raises(ValueError, match=rf"callback\.unfreezing\.{key}=0 must be at least 1"):
        GradualUnfreezing(**{key: 0})


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["ddp", "fsdp2"])
def test_two_processes_learn_what_one_does(train, new_run, strategy):
    alone = train(*UNFREEZING, name="alone")
    given = [*UNFREEZING, f"trainer={strategy}", "trainer.accelerator=cpu", "trainer.devices=2"]
    together = new_run(*given, name="together")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "gpt_exp.job", str(together.path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, env=environment)
    assert done.returncode == 0, done.stderr
    one, other = (read_metrics(folder.metrics) for folder in (alone, together))
    for key in ("train/loss", "gradient_norm", "train/num_unfrozen_blocks"):
        assert [line[key] for line in one] == pytest.approx([line[key] for line in other], rel=1e-4)
