"""Runs that grow: what they read, and that they go on exactly."""

import json
import os
import subprocess
import sys

import pytest
from lightning.pytorch import Callback

from gpt_exp import job
from gpt_exp.run.checkpoint_io import load_weights
from gpt_exp.run.lines import read_metrics

STEPS = 12
RUN = [
    f"trainer.max_steps={STEPS}",
    "trainer.val_check_interval=6",
    "trainer.limit_val_batches=1",
    "callback.checkpoint.every_n_steps=4",
    "batch_size=8",
    "sampling=packed",
]
GROWING = [
    *RUN,
    "growth=[context,batch]",
    "growth.context_length=[[0,8],[3,16],[7,32]]",
    "growth.batch_size=[[0,2],[5,4],[9,8]]",
]
SIZES = [2] * 5 + [4] * 4 + [8] * 3


class Crash(BaseException):
    """What no code of the run catches: stands for SIGKILL."""


def losses(folder):
    return [line["train/loss"] for line in read_metrics(folder.metrics)]


def last_weights(folder) -> bytes:
    return (folder.checkpoint(STEPS) / "model.safetensors").read_bytes()


def test_the_tokens_that_are_told_are_those_that_were_read(train, monkeypatch):
    from gpt_exp.module.pretraining import Pretraining

    compute_loss, read = Pretraining.compute_loss, []

    def counted(self, batch):
        if self.training:
            read.append(tuple(batch.tokens.shape))
        return compute_loss(self, batch)

    monkeypatch.setattr(Pretraining, "compute_loss", counted)
    folder = train(*GROWING)
    lengths = [8] * 3 + [16] * 4 + [32] * 5
    assert read == [(size * 32 // length, length) for size, length in zip(SIZES, lengths, strict=True)]
    tokens = [line["tokens"] for line in read_metrics(folder.metrics)]
    assert tokens == [sum(SIZES[:step]) * 32 for step in range(1, STEPS + 1)]
    assert json.loads(folder.results.read_text())["num_tokens_seen"] == sum(SIZES) * 32


@pytest.mark.parametrize("step", [2, 5, 6, 10])
def test_a_run_that_was_broken_off_goes_on_with_the_same_bits(train, new_run, monkeypatch, step):
    monkeypatch.setattr(job, "finish", lambda *args: None)
    given = [*GROWING, "model.dropout=0.1", "trainer.accumulate_grad_batches=2"]
    whole, broken = train(*given, name="whole"), new_run(*given, name="broken")

    def crash(self, trainer, *args):
        if trainer.global_step == step:
            raise Crash

    with monkeypatch.context() as patched, pytest.raises(Crash):
        patched.setattr(Callback, "on_train_batch_start", crash)
        job.run(broken)
    assert job.run(broken) == 0
    assert last_weights(whole) == last_weights(broken)
    assert whole.metrics.read_bytes() == broken.metrics.read_bytes()


def test_accumulation_changes_nothing_that_is_learnt(train, monkeypatch):
    monkeypatch.setattr(job, "finish", lambda *args: None)
    at_once = train(*GROWING, name="at_once")
    in_parts = train(*GROWING, "trainer.accumulate_grad_batches=2", name="in_parts")
    assert losses(in_parts) == pytest.approx(losses(at_once), rel=1e-5)


def test_one_phase_of_the_whole_is_a_run_without_growth(train, monkeypatch):
    monkeypatch.setattr(job, "finish", lambda *args: None)
    whole = ["growth.context_length=[[0,1.0]]", "growth.batch_size=[[0,1.0]]"]
    plain = train(*RUN, name="plain")
    assert last_weights(plain) == last_weights(train(*RUN, "growth=[context,batch]", *whole, name="whole"))
    cut = train(*RUN, "growth=context", "growth.context_length=[[0,16]]", name="cut")
    assert last_weights(plain) != last_weights(cut)


def test_batches_of_records_grow(train_pairs):
    """Each step's gradient is that of the mean over its own targets."""
    given = ["batch_size=8", "trainer.max_steps=6", "trainer.val_check_interval=6", "schedule.warmup_steps=0"]
    given += ["growth=batch", "growth.batch_size=[[0,4],[3,8]]", "module.num_predicted=1"]
    one = train_pairs(*given, name="one")
    two = train_pairs(*given, "trainer.accumulate_grad_batches=2", name="two")
    assert losses(one) == pytest.approx(losses(two), rel=1e-5)
    tokens = [line["tokens"] for line in read_metrics(one.metrics)]
    assert tokens == pytest.approx([tokens[0] * factor for factor in (1, 2, 3, 5, 7, 9)], abs=5)


@pytest.mark.slow
def test_two_processes_learn_what_one_does(train, new_run):
    alone = train(*GROWING, name="alone")
    given = [*GROWING, "trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"]
    together = new_run(*given, name="together")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "gpt_exp.job", str(together.path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, env=environment)
    assert done.returncode == 0, done.stderr
    assert losses(together) == pytest.approx(losses(alone), rel=1e-4)
    one, other = (load_weights(folder.checkpoint(STEPS)) for folder in (alone, together))
    assert all((one[name] - other[name]).abs().max() < 1e-4 for name in one)
