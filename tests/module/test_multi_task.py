"""Several tasks on one model: the same learning however a step is cut, and each task judged as if alone."""

import json
import math
import os
import shutil
import subprocess
import sys

import pytest
import torch

from gpt_exp import cli, job
from gpt_exp.run.checkpoint_io import load_weights
from gpt_exp.run.folder import RunFolder, step_of
from gpt_exp.run.lines import read_metrics

OWN_ADAPTERS = ["+adapter@tasks.case.adapter=lora", "+adapter@tasks.length.adapter=lora"]


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


@pytest.mark.parametrize(
    "given",
    [
        "mixture=temperature",
        "mixture=adaptive",
        "balance=uncertainty",
        "balance=grad_norm",
        "balance=pc_grad",
        "module.cosine_every_n_steps=3",
    ],
)
def test_a_resumed_run_is_the_one_that_was_not_stopped(train_several, tmp_path, given):
    """Also where what was validated decides what is read."""
    whole = train_several(
        given, "trainer.val_check_interval=2", "callback.checkpoint.keep_last=4", name="whole"
    )
    shutil.copytree(whole.path, tmp_path / "resumed")
    resumed = RunFolder(tmp_path / "resumed")
    shutil.rmtree(resumed.checkpoint(12))
    for name in whole.bests():
        resumed.best_file(name).unlink()
    assert job.run(resumed) == 0
    assert resumed.bests() == whole.bests()
    one, other = weights(whole), weights(resumed)
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert read_metrics(whole.metrics) == read_metrics(resumed.metrics)


def test_each_task_keeps_its_best_checkpoint(train_several, capsys):
    """The best by each one's own figure, though only two others are kept."""
    folder = train_several("trainer.val_check_interval=1", "module.num_predicted=8", "optimizer.lr=0.02")
    logged = [each for each in read_metrics(folder.metrics) if "val/score" in each]
    mains = {"translation": "bleu", "length": "accuracy", "case": "accuracy"}
    for name, main in mains.items():
        best, key = folder.bests()[f"best_{name}"], f"val/{name}/{main}"
        assert (best["metric"], best["value"]) == (key, max(each[key] for each in logged))
        first = next(each["step"] for each in logged if each[key] == best["value"])
        assert best["step"] == first == step_of(folder.resolve(f"best_{name}"))
    assert len({best["step"] for best in folder.bests().values()}) > 2
    report = folder.report.read_text()
    assert all(f"best_{name}" in report for name in mains)
    evaluate = [
        "evaluate",
        f"run={folder.path}",
        "of=length",
        "splits=[val]",
        "device=cpu",
        "checkpoint=best_length",
    ]
    assert cli.main(evaluate) == 0
    summary = json.loads((folder.path / "predictions" / "summary.json").read_text())
    assert summary["length.val"]["checkpoint"] == folder.resolve("best_length").name
    assert cli.main([*evaluate, "checkpoint=best_lenght"]) == 2
    assert "did you mean best_length" in capsys.readouterr().err


def test_without_answers_a_task_s_best_is_that_of_its_loss(train_several):
    folder = train_several(
        "module.num_predicted=0", "callback.checkpoint.monitor=val/loss", names=("length",)
    )
    assert folder.bests()["best_length"]["metric"] == "val/length/loss"


def test_a_run_may_keep_one_best_alone(train_several):
    folder = train_several("callback.checkpoint.per_task=false", names=("length", "case"))
    assert list(folder.bests()) == ["best"]


def test_a_balancing_learns_from_each_task_s_losses(train_several):
    folder = train_several("balance=uncertainty", "trainer.max_steps=4")
    logged = [each for each in read_metrics(folder.metrics) if "train/loss" in each]
    assert logged[0]["train/length/weight"] != logged[-1]["train/length/weight"]


def test_the_loss_that_is_told_is_the_sum_of_the_tasks_own(train_several):
    """So steps of long sequences do not look worse than those of short ones."""
    names = ("translation", "length")
    folder = train_several("tasks.length.weight=2", "mixture=uniform", "trainer.max_steps=4", names=names)
    for each in (each for each in read_metrics(folder.metrics) if "train/loss" in each):
        translation, length = (each[f"train/{name}/loss"] for name in names)
        assert each["train/loss"] == pytest.approx(translation + 2 * length, rel=1e-5)


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
@pytest.mark.parametrize(
    ("accumulate", "more"),
    [
        (1, []),
        (2, []),
        (1, OWN_ADAPTERS),
        (2, OWN_ADAPTERS),
        (1, ["balance=pc_grad"]),
        (2, ["balance=grad_norm", "module.unit=step", "module.cosine_every_n_steps=2"]),
        (2, ["module.cosine_every_n_steps=2"]),
    ],
)
def test_two_processes_learn_what_one_does(new_several_run, keep_process_state, accumulate, more):
    """In every micro-batch of two examples some tasks, and what is theirs alone, are missing on a device."""
    given = ["mixture=uniform", "model.tied=false", f"trainer.accumulate_grad_batches={accumulate}", *more]
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
    cosines = [{key: value for key, value in each.items() if "cosine" in key} for each in last]
    assert cosines[0] == pytest.approx(cosines[1], abs=1e-3)
