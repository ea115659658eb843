"""Runs of several tasks, each with an adapter of its own on a model that they share."""

import json
import shutil

import pytest
import several_tasks
import torch
from made_runs import create, process_state_kept, trained

from gpt_exp import cli, job
from gpt_exp.errors import UserError
from gpt_exp.experiment.model import load_run
from gpt_exp.experiment.several_tasks import of_task
from gpt_exp.run.checkpoint_io import load_weights
from gpt_exp.run.folder import RunFolder

OWN = [
    "+adapter@tasks.translation.adapter=lora",
    "+adapter@tasks.length.adapter=dora",
    "tasks.length.adapter.rank=2",
]


def weights(folder, step=12):
    return load_weights(folder.checkpoint(step))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def train_here(place):
    """As `train_several`, for runs that all tests read."""

    def train(*overrides, name, names=tuple(several_tasks.TASKS)):
        with process_state_kept():
            return trained(create(place, name, several_tasks.overrides_of(place, overrides, names)))

    return train


@pytest.fixture(scope="module")
def base(train_here):
    return train_here("trainer.max_steps=2", name="base", names=("translation",))


@pytest.fixture(scope="module")
def adapted(train_here, base):
    """A run on a frozen model: two tasks have matrices of their own, and two have heads."""
    given = [f"init.run={base.path}", "adapter=frozen", "optimizer.lr=0.01", *OWN]
    return train_here(*given, name="adapted")


def test_a_checkpoint_holds_what_the_tasks_have_of_their_own_alone(adapted, base):
    saved = weights(adapted)
    owners = {"lora_A.translation", "lora_B.translation", "lora_A.length", "lora_B.length"}
    assert {o for o in owners if any(f".{o}.weight" in name for name in saved)} == owners
    assert all(".lora_" in name or name.startswith("heads.") for name in saved)
    loaded, start = load_run(adapted.path, "last").model.state_dict(), weights(base, 2)
    plain = {n.replace(".base_layer", ""): t for n, t in loaded.items() if n not in saved}
    assert plain.keys() == start.keys()
    assert all(torch.equal(plain[name], start[name]) for name in plain)


def test_a_run_tells_alone_what_it_told_together(adapted, capsys):
    """One command merges the task's matrices, which the run itself read beside the weights."""
    results = json.loads(adapted.results.read_text())
    given = ["evaluate", f"run={adapted.path}", "splits=[test]", "device=cpu", "precision=32-true"]
    for name in ("translation", "length", "case"):
        assert cli.main([*given, f"of={name}"]) == 0
        found = json.loads((adapted.path / "evaluation.json").read_text())[f"{name}.test"]
        assert found == pytest.approx(results["test"][name], rel=1e-4)
    assert cli.main(["generate", f"run={adapted.path}", "of=translation", "prompt=Open", "device=cpu"]) == 0


@torch.no_grad()
def test_an_export_of_one_task_is_its_model(adapted, tmp_path, capsys):
    transformers = pytest.importorskip("transformers")
    run = load_run(adapted.path)
    tokens = torch.tensor([run.tokenizer.encode("Open")])
    given = ["export", f"run={adapted.path}", f"path={tmp_path / 'new'}"]
    assert cli.main(given) == 2
    assert "of: this run has several tasks, choose one" in capsys.readouterr().err
    for name in ("translation", "length", "case"):
        assert cli.main([*given, f"of={name}"]) == 0
        own = of_task(run, name).model
        theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "new")
        torch.testing.assert_close(theirs(tokens).logits, own.logits(own(tokens)), rtol=0, atol=1e-4)
    expected = of_task(run, "case").model.heads.state_dict()
    opened = ["evaluate", "model=hf", f"model.path={tmp_path / 'new'}", *_case_alone(adapted)]
    assert cli.main([*opened, f"paths.output={tmp_path / 'out'}"]) == 0
    from safetensors.torch import load_file

    kept = load_file(tmp_path / "new" / "heads.safetensors")
    assert {n.removeprefix("heads."): t.tolist() for n, t in kept.items()} == {
        n: t.tolist() for n, t in expected.items()
    }


def _case_alone(folder):
    """The third task's data and task, as a user would give them to a model that is no run."""
    data = folder.config().tasks.case.data.train
    labels = "task.labels=[upper,lower,other]"
    return ["task=classification", labels, "data=tsv", f"data.train={data}", "device=cpu", "splits=[test]"]


@pytest.mark.slow
def test_micro_batches_change_the_memory_and_not_the_learning(train_several, base):
    given = [f"init.run={base.path}", "adapter=full", "mixture=uniform", *OWN]
    one = weights(train_several(*given, name="at_once"))
    other = weights(train_several(*given, "trainer.accumulate_grad_batches=4", name="in_parts"))
    start = weights(base, 2)
    assert not torch.equal(one["blocks.0.mlp.up.base_layer.weight"], start["blocks.0.mlp.up.weight"])
    learnt = [tensor for name, tensor in one.items() if ".lora_B." in name]  # It begins at 0.
    assert learnt and all(tensor.abs().max() > 1e-4 for tensor in learnt)
    assert all(torch.allclose(one[name], other[name], atol=2e-6) for name in one)


def test_a_resumed_run_is_the_one_that_was_not_stopped(adapted, tmp_path, keep_process_state):
    shutil.copytree(adapted.path, tmp_path / "resumed")
    resumed = RunFolder(tmp_path / "resumed")
    shutil.rmtree(resumed.checkpoint(12))
    assert job.run(resumed) == 0
    one, other = weights(adapted), weights(resumed)
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
    assert adapted.bests() == resumed.bests()


def test_a_run_with_adapters_of_tasks_is_nothing_to_begin_from(adapted, new_several_run, tmp_path, capsys):
    with pytest.raises(UserError, match="adapters of their own; gpt-exp export of=NAME"):
        job.run(new_several_run(f"init.run={adapted.path}", name="next"))
    assert cli.main(["average", f"run={adapted.path}", f"path={tmp_path / 'mean'}"]) == 2
    assert "adapters of their own" in capsys.readouterr().err


def test_a_task_that_nothing_trains_is_refused(new_several_run):
    with pytest.raises(ValueError, match=r"tasks.translation: nothing of it would learn"):
        job.run(new_several_run("adapter=frozen"))


def test_directions_of_weights_that_begin_at_0_are_refused(new_several_run):
    """Else the loss is NaN from the first step on."""
    with pytest.raises(ValueError, match=r"adapter.dora: blocks.0.attention.output begins at 0"):
        job.run(new_several_run("model.zero_init_residual=true", *OWN))
