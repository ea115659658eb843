import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from gpt_exp import cli, job
from gpt_exp.run.lines import read_metrics

EVERYTHING_ON = [
    "model.dropout=0.1",
    "trainer.accumulate_grad_batches=2",
    "sampling=packed",
    "callback=[checkpoint,samples,early_stopping]",
    "callback.checkpoint.every_n_steps=3",
    "callback.samples.every_n_steps=5",
    "trainer.val_check_interval=4",
]
GOLDEN = yaml.safe_load((Path(__file__).parent / "assets" / "golden_losses.yaml").read_text())


def losses(folder):
    return [line["train/loss"] for line in read_metrics(folder.metrics)]


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Interruption(Exception):
    pass


@pytest.mark.parametrize("recipe", GOLDEN)
def test_recipes_reproduce_their_golden_losses(train, recipe):
    """A refactor must not change what any recipe learns: 20 steps on the tiny text."""
    folder = train(*GOLDEN[recipe]["overrides"])
    assert losses(folder) == pytest.approx(GOLDEN[recipe]["losses"], rel=2e-3)


@pytest.mark.parametrize("step", [1, 5, 8, 13])
def test_an_interrupted_run_ends_with_the_bits_of_one_that_was_not(train, new_run, monkeypatch, step):
    """Interrupted between checkpoints, at one, and after a validation."""
    from gpt_exp.module.pretraining import Pretraining

    whole = train(*EVERYTHING_ON, name="whole")
    folder = new_run(*EVERYTHING_ON, name="interrupted")
    compute_loss = Pretraining.compute_loss

    def interrupted(self, batch):
        if self.trainer.global_step == step and self.training:
            raise Interruption
        return compute_loss(self, batch)

    monkeypatch.setattr(Pretraining, "compute_loss", interrupted)
    with pytest.raises(Interruption):
        job.run(folder)
    monkeypatch.undo()
    job.run(folder)
    last = "checkpoints/step-00000020/model.safetensors"
    assert digest(folder.path / last) == digest(whole.path / last)
    for name in ("metrics.jsonl", "samples.jsonl", "best.json"):
        assert (folder.path / name).read_text() == (whole.path / name).read_text()


def test_accumulation_changes_the_memory_and_not_the_learning(train):
    at_once = train(name="at_once")
    in_parts = train("trainer.accumulate_grad_batches=4", name="in_parts")
    assert losses(in_parts) == pytest.approx(losses(at_once), rel=1e-5)


def test_workers_load_the_same_batches(train):
    assert losses(train("num_workers=2", name="two")) == losses(train(name="none"))


def test_the_model_learns_and_the_results_say_so(train):
    folder = train("trainer.max_steps=60", "optimizer=muon")
    assert losses(folder)[-1] < losses(folder)[0] - 1
    results = json.loads(folder.results.read_text())
    assert results["step"] == 60
    assert 0 < results["test"]["bits_per_byte"] < 8
    assert results["val"]["gzip"] > 1
    assert results["num_trained_parameters"] == results["num_parameters"] > 0
    assert 50e6 < results["peak_memory"] < 50e9
    assert folder.status()["state"] == "finished"
    assert folder.report.stat().st_size > 10_000


def test_what_adapters_freeze_is_not_among_the_trained_parameters(train_pairs):
    results = json.loads(train_pairs("adapter=lora", "adapter.rank=1").results.read_text())
    assert 0 < results["num_trained_parameters"] < results["num_parameters"] / 4


def test_the_final_evaluation_is_that_of_the_best_checkpoint(train):
    folder = train("trainer.limit_val_batches=1.0", "trainer.val_check_interval=5")
    best = json.loads(folder.best.read_text())
    assert json.loads(folder.results.read_text())["val"]["loss"] == pytest.approx(best["value"], rel=1e-5)


@pytest.mark.parametrize(("limit", "count"), [("0", 0), ("1", 2), ("0.5", None)])
def test_the_final_evaluation_may_be_of_a_part(train_pairs, limit, count):
    folder = train_pairs("batch_size=2", f"trainer.limit_test_batches={limit}", "trainer.max_steps=2")
    assert folder.status()["state"] == "finished"
    assert ("test" in json.loads(folder.results.read_text())) == (limit != "0")
    file = folder.path / "predictions/test.jsonl"
    found = len(file.read_text().splitlines()) if file.exists() else 0
    if count is None:
        cli.main(["evaluate", f"run={folder.path}", "splits=[test]"])
        count = round(0.5 * len(file.read_text().splitlines()))
    assert found == count


@pytest.mark.parametrize("accumulate", [1, 2])
def test_the_last_weights_are_validated_once_whatever_the_interval(train, accumulate):
    often = [f"trainer.accumulate_grad_batches={accumulate}", "trainer.limit_val_batches=1"]
    for interval, expected in ((8, [8, 16, 20]), (10, [10, 20]), (50, [20])):
        folder = train(*often, f"trainer.val_check_interval={interval}", name=f"every_{interval}")
        assert [line["step"] for line in read_metrics(folder.metrics) if "val/loss" in line] == expected
        assert json.loads(folder.best.read_text())["step"] in expected


def test_a_mistake_in_a_value_is_one_line_and_exit_code_2(new_run):
    folder = new_run("model.context_length=100000", "split.test_fraction=0.0")
    done = subprocess.run(
        [sys.executable, "-m", "gpt_exp.job", str(folder.path)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "fewer than context_length + 1 = 100001" in done.stderr
    assert folder.status()["state"] == "failed"


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["ddp", "fsdp2"])
def test_two_processes_learn_what_one_does(train, new_run, strategy):
    overrides = [f"trainer={strategy}", "trainer.accelerator=cpu", "trainer.devices=2"]
    alone = train(name="alone")
    folder = new_run(*overrides, name="together")
    command = [sys.executable, "-m", "gpt_exp.job", str(folder.path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, env=environment)
    assert done.returncode == 0, done.stderr
    assert losses(folder) == pytest.approx(losses(alone), rel=1e-4)
    ours, theirs = (read_metrics(run.metrics)[-1]["val/loss"] for run in (folder, alone))
    assert ours == pytest.approx(theirs, rel=1e-4)
