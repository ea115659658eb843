"""The loss of a step is the mean over all its targets, however they fall into micro-batches."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch.strategies import SingleDeviceStrategy as Strategy

from gpt_exp import job
from gpt_exp.errors import UserError
from gpt_exp.experiment.model import make_model
from gpt_exp.module.embedding_noise import add_noise
from gpt_exp.module.fine_tuning import FineTuning, spread
from gpt_exp.run.checkpoint_io import load_weights
from gpt_exp.run.lines import read_metrics
from gpt_exp.tokenizer.byte import byte


def test_a_run_judges_its_predictions_and_its_results_say_so(train_pairs):
    folder = train_pairs()
    (first, *_, last) = [m for m in read_metrics(folder.metrics) if "val/bleu" in m]
    assert last["val/loss"] < first["val/loss"]
    results = json.loads(folder.results.read_text())
    assert {"loss", "perplexity", "bleu", "chrf", "ter"} <= results["val"].keys()
    lines = (folder.path / "predictions" / "val.jsonl").read_text().splitlines()
    summary = json.loads((folder.path / "predictions" / "summary.json").read_text())["val"]
    assert len(lines) == summary["num_predictions"] > 0
    low, high = summary["intervals"]["chrf"]
    assert low <= results["val"]["chrf"] <= high


def test_a_task_s_perplexity_of_some_records_does_not_hide_that_of_all_targets():
    told = {}
    losses = SimpleNamespace(compute=lambda: {"loss": 0.7, "perplexity": 2.0}, reset=lambda: None)
    module = SimpleNamespace(
        losses=losses, predictions=losses, _judge=lambda: {"perplexity": 9.0, "chrf": 5.0}, report=told.update
    )
    FineTuning.on_validation_epoch_end(module)
    assert told == {"val/loss": 0.7, "val/perplexity": 2.0, "val/chrf": 5.0}


def test_micro_batches_change_the_memory_and_not_the_learning(train_pairs):
    at_once = train_pairs("task.label_smoothing=0.1", name="at_once")
    in_parts = train_pairs("task.label_smoothing=0.1", "trainer.accumulate_grad_batches=4", name="in_parts")
    for step in (10, 20):
        one, other = (load_weights(f.checkpoint(step)) for f in (at_once, in_parts))
        assert all(torch.allclose(one[name], other[name], atol=2e-5) for name in one)
    norms = [
        [m["gradient_norm"] for m in read_metrics(f.metrics) if "gradient_norm" in m]
        for f in (at_once, in_parts)
    ]
    assert norms[0] == pytest.approx(norms[1], rel=1e-4)


def test_a_step_s_loss_is_summed_over_devices_once(train_pairs, monkeypatch):
    """Its targets divide the gradients, and its mean is logged."""
    sums, reduce = [], Strategy.reduce

    def counted(self, tensor, *args, **kwargs):
        sums.append(tensor)
        return reduce(self, tensor, *args, **kwargs)

    monkeypatch.setattr(Strategy, "reduce", counted)
    folder = train_pairs("trainer.max_steps=5", "trainer.accumulate_grad_batches=2", "module.num_predicted=0")
    assert len([m for m in read_metrics(folder.metrics) if "train/loss" in m]) == 5
    assert len([each for each in sums if each.shape == (2,)]) == 5  # Loss and number of targets.


def test_the_task_s_metric_decides_which_checkpoint_is_best(train_pairs):
    folder = train_pairs("callback.checkpoint.monitor=val/chrf", "callback.checkpoint.mode=max")
    best = json.loads(folder.best.read_text())
    values = {m["step"]: m["val/chrf"] for m in read_metrics(folder.metrics) if "val/chrf" in m}
    assert best["value"] == max(values.values())
    assert values[best["step"]] == best["value"]


def test_a_run_starts_from_the_weights_of_another(train_pairs, train):
    base = train(name="base")
    folder = train_pairs(
        "model=run", f"init.run={base.path}", "trainer.max_steps=1", "optimizer.lr=1e-9", name="tuned"
    )
    ours, theirs = load_weights(folder.checkpoint(1)), load_weights(base.resolve("best"))
    assert all(torch.allclose(ours[name], theirs[name], atol=1e-6) for name in theirs)
    assert (folder.tokenizer / "tokenizer.json").read_text() == (
        base.tokenizer / "tokenizer.json"
    ).read_text()


def test_weights_are_not_taken_into_another_parametrization(train, new_run):
    base = train("trainer.max_steps=1", "trainer.val_check_interval=1", name="base")
    maximal = ["model.parametrization=maximal_update", "model.base_width=16", "model.base_head_dim=8"]
    config = new_run(f"init.run={base.path}", *maximal, name="other").config()
    with pytest.raises(UserError, match=r"base: its parametrization is another; model=run takes"):
        make_model(config, byte(), None)


def test_predicted_records_are_spread_over_the_split():
    records = [{"number": number} for number in range(10)]
    assert [r["number"] for r in spread(records, 4)] == [0, 2, 5, 7]
    assert spread(records, 99) == records


def test_noise_is_bounded_and_only_in_training():
    torch.manual_seed(0)
    model = torch.nn.Module()
    model.token_embedding = torch.nn.Embedding(10, 16)
    plain = model.token_embedding(torch.arange(8)[None])
    add_noise(model, 5.0)
    noisy = model.token_embedding(torch.arange(8)[None])
    assert 0 < (noisy - plain).abs().max() <= 5 / (8 * 16) ** 0.5
    model.eval()
    assert torch.equal(model.token_embedding(torch.arange(8)[None]), plain)


def test_records_are_not_cut_like_text(new_pairs_run):
    folder = new_pairs_run("sampling=windows")
    with pytest.raises(UserError, match="takes sampling=length_buckets or packed_records"):
        job.run(folder)


@pytest.mark.parametrize("sampling", ["length_buckets", "packed_records"])
def test_a_run_learns_from_records_however_they_are_sampled(train_pairs, sampling):
    folder = train_pairs(f"sampling={sampling}", "module.num_predicted=0")
    losses = [m["train/loss"] for m in read_metrics(folder.metrics) if "train/loss" in m]
    assert sum(losses[-3:]) < sum(losses[:3])


@pytest.mark.parametrize("adapter", ["lora", "last_layers"])
def test_an_interrupted_run_with_frozen_weights_ends_with_the_same_bits(
    train_pairs, new_pairs_run, train, monkeypatch, adapter
):
    if adapter == "lora":
        pytest.importorskip("peft")
    base = train("trainer.max_steps=2", name="base")
    given = ["model=run", f"init.run={base.path}", f"adapter={adapter}", "model.dropout=0.1"]
    given += ["adapter.num_layers=1"] if adapter == "last_layers" else ["adapter.dropout=0.1"]
    whole, folder = train_pairs(*given, name="whole"), new_pairs_run(*given, name="interrupted")
    compute_loss = FineTuning.compute_loss

    def interrupted(self, batch):
        if self.trainer.global_step == 13 and self.training:
            raise KeyError("interrupted")
        return compute_loss(self, batch)

    monkeypatch.setattr(FineTuning, "compute_loss", interrupted)
    with pytest.raises(KeyError, match="interrupted"):
        job.run(folder)
    monkeypatch.undo()
    job.run(folder)
    for step in (10, 20):
        one, other = (load_weights(f.checkpoint(step)) for f in (whole, folder))
        assert one.keys() == other.keys()
        assert "token_embedding.weight" not in one  # What the base brings again is not saved.
        assert all(torch.equal(one[name], other[name]) for name in one)
    state = torch.load(folder.checkpoint(20) / "state.pt", weights_only=True)
    assert len(state["optimizer_states"][0]["state"]) == len(one)
    assert (folder.metrics).read_text() == whole.metrics.read_text()


@pytest.mark.slow
def test_two_processes_with_uneven_targets_learn_what_one_does(train_pairs, new_pairs_run):
    alone = train_pairs(name="alone")
    folder = new_pairs_run("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", name="together")
    command = [sys.executable, "-m", "gpt_exp.job", str(folder.path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, env=environment)
    assert done.returncode == 0, done.stderr
    one, other = (load_weights(f.checkpoint(20)) for f in (alone, folder))
    assert all(torch.allclose(one[name], other[name], atol=1e-4) for name in one)
    ours, theirs = (read_metrics(f.metrics)[-1] for f in (folder, alone))
    for figure in ("val/loss", "val/chrf"):
        assert ours[figure] == pytest.approx(theirs[figure], rel=1e-3)
