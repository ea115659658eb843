"""Several tasks on one model: the same learning however a step is cut, and each task judged as if alone."""

import json
import math
import os
import shutil
import subprocess
import sys

import pytest
import torch

from gpt_exp import job
from gpt_exp.errors import UserError
from gpt_exp.run.checkpoint_io import load_weights
from gpt_exp.run.folder import RunFolder
from gpt_exp.run.lines import read_metrics


def weights(folder, step=12):
    return load_weights(folder.checkpoint(step))


def test_a_run_judges_every_task(train_several):
    folder = train_several("module.num_predicted=50")  # More than there are.
    logged = read_metrics(folder.metrics)
    last = [each for each in logged if "val/score" in each][-1]
    mains = [last["val/translation/bleu"] / 100, last["val/length/accuracy"], last["val/case/accuracy"]]
    assert last["val/score"] == pytest.approx(sum(mains) / 3)
    losses = [last[f"val/{name}/loss"] for name in ("translation", "length", "case")]
    assert last["val/loss"] == pytest.approx(sum(losses))
    results = json.loads(folder.results.read_text())
    assert {"bleu", "loss"} <= results["test"]["translation"].keys()
    assert results["val"]["length"]["accuracy"] == last["val/length/accuracy"]
    assert results["val"]["score"] == pytest.approx(last["val/score"])
    summary = json.loads((folder.path / "predictions" / "summary.json").read_text())
    assert {"translation.val", "length.test", "case.val"} <= summary.keys()
    trained = [each for each in logged if "train/case/epochs" in each][-1]
    seen = sum(trained[f"train/{name}/examples"] for name in ("translation", "length", "case"))
    assert seen == 12 * 8


@pytest.mark.parametrize("unit", ["example", "step"])
def test_micro_batches_change_the_memory_and_not_the_learning(train_several, unit):
    at_once = train_several(f"module.unit={unit}", name="at_once")
    parts = train_several(f"module.unit={unit}", "trainer.accumulate_grad_batches=4", name="in_parts")
    one, other = weights(at_once), weights(parts)
    assert all(torch.allclose(one[name], other[name], atol=2e-5) for name in one)


@pytest.mark.parametrize("given", ["mixture=temperature", "mixture=adaptive", "balance=uncertainty"])
def test_a_resumed_run_is_the_one_that_was_not_stopped(train_several, tmp_path, given):
    """Also where what was validated decides what is read."""
    whole = train_several(
        given, "trainer.val_check_interval=2", "callback.checkpoint.keep_last=4", name="whole"
    )
    shutil.copytree(whole.path, tmp_path / "resumed")
    resumed = RunFolder(tmp_path / "resumed")
    shutil.rmtree(resumed.checkpoint(12))
    resumed.best.unlink()
    assert job.run(resumed) == 0
    one, other = weights(whole), weights(resumed)
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert read_metrics(whole.metrics) == read_metrics(resumed.metrics)


def test_a_balancing_learns_from_each_task_s_losses(train_several):
    folder = train_several("balance=uncertainty", "trainer.max_steps=4")
    logged = [each for each in read_metrics(folder.metrics) if "train/loss" in each]
    assert logged[0]["train/length/weight"] != logged[-1]["train/length/weight"]


def test_a_balancing_of_gradients_is_refused(new_several_run):
    with pytest.raises(UserError, match="balance: PCGrad wants each task's own gradients"):
        job.run(new_several_run("balance=pc_grad"))


def test_two_classifications_have_a_head_each(train_several):
    folder = train_several("tasks.case.weight=0", names=("length", "case"))
    learnt = weights(folder)
    assert learnt["heads.length.classification.output.weight"].shape == (2, 32)
    assert learnt["heads.case.classification.output.weight"].shape == (3, 32)
    assert learnt["heads.length.classification.output.weight"].any()
    assert not learnt["heads.case.classification.output.weight"].any()  # It begins at 0, and weighs 0.


def test_a_twin_reads_of_its_task_what_the_run_of_all_does(train_several):
    given = ["mixture=uniform", "batch_size=9", "trainer.max_steps=4", "balance=uncertainty"]
    together = train_several(*given, name="together")
    alone = train_several(*given, "only=length", name="alone")
    logged = [[m for m in read_metrics(f.metrics) if "train/length/loss" in m] for f in (together, alone)]
    assert logged[0][0]["train/length/loss"] == pytest.approx(logged[1][0]["train/length/loss"])
    assert [[each["train/length/examples"] for each in f] for f in logged] == [[3, 6, 9, 12]] * 2
    assert "train/length/weight" not in logged[1][0]
    assert weights(together, 4).keys() == weights(alone, 4).keys()
    assert json.loads(alone.results.read_text())["test"].keys() == {"length", "score"}


@pytest.mark.slow
@pytest.mark.parametrize("accumulate", [1, 2])
def test_two_processes_learn_what_one_does(new_several_run, keep_process_state, accumulate):
    """In every micro-batch of two examples some tasks, and their heads, are missing on a device."""
    given = ["mixture=uniform", "model.tied=false", f"trainer.accumulate_grad_batches={accumulate}"]
    alone = new_several_run(*given, name="alone")
    together = new_several_run(*given, "trainer=ddp", "trainer.devices=2", name="together")
    assert job.run(alone) == 0
    command = [sys.executable, "-m", "gpt_exp.job", str(together.path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, env=environment)
    assert done.returncode == 0, done.stderr
    one, other = weights(alone), weights(together)
    assert all(torch.allclose(one[name], other[name], atol=1e-4) for name in one)
    last = [[m for m in read_metrics(f.metrics) if "train/loss" in m][-1] for f in (alone, together)]
    assert math.isclose(last[0]["train/loss"], last[1]["train/loss"], rel_tol=1e-3)
