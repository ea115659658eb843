"""Runs that take the tasks' gradients apart: they learn as others do, and know what the others don't."""

from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch.strategies import SingleDeviceStrategy
from made_runs import ASSETS
from torch import nn

from gpt_exp import job
from gpt_exp.balance.fixed import Fixed
from gpt_exp.balance.grad_norm import GradNorm
from gpt_exp.balance.pc_grad import PCGrad
from gpt_exp.callback import unfreezing
from gpt_exp.errors import UserError
from gpt_exp.experiment.several_tasks import make_balance
from gpt_exp.module.gradient_steps import GradientSteps, combined
from gpt_exp.run.checkpoint_io import load_weights
from gpt_exp.run.lines import read_metrics

SHORT = ["trainer.max_steps=6", "trainer.val_check_interval=6", "module.num_predicted=0"]
BOTH = ("length", "case")


def weights(folder, step=6):
    return load_weights(folder.checkpoint(step))


def cosines(folder):
    """By step, as they are logged."""
    found = {}
    for line in read_metrics(folder.metrics):
        named = {key.removeprefix("train/cosine/"): v for key, v in line.items() if "cosine" in key}
        if named:
            found[line["step"]] = named
    return found


@pytest.mark.parametrize(
    "given",
    [
        ["balance=fixed", "balance.weights={case: 2}"],
        ["module.unit=step"],  # In every step the heads of two tasks have no gradient.
        ["trainer.precision=bf16-mixed", "trainer.accumulate_grad_batches=2", "tasks.case.weight=0.5"],
    ],
)
def test_cosines_are_told_and_change_nothing(train_several, given):
    plain = train_several(*SHORT, *given, name="plain")
    told = train_several(*SHORT, *given, "module.cosine_every_n_steps=1", name="told")
    one, other = weights(plain), weights(told)
    rounding = 2e-3 if "trainer.precision=bf16-mixed" in given else 1e-5
    assert all(torch.allclose(one[name], other[name], atol=rounding) for name in one)
    found = [value for each in cosines(told).values() for value in each.values()]
    assert all(-1 <= value <= 1 for value in found)
    assert len(found) == (0 if "module.unit=step" in given else 3 * 6 - 3)  # Heads begin at 0: no gradients.
    assert not cosines(plain)


def test_every_nth_step_tells_cosines_whatever_else_is_logged(train_several):
    every = ["module.cosine_every_n_steps=2", "trainer.log_every_n_steps=3"]
    folder = train_several(*SHORT, *every, names=BOTH)
    assert sorted(cosines(folder)) == [2, 4, 6]
    assert sorted(m["step"] for m in read_metrics(folder.metrics) if "train/loss" in m) == [3, 6]


def test_a_task_agrees_with_itself_under_another_name(train_several):
    again = ["+task@tasks.again.task=translation", "+data@tasks.again.data=tsv", "mixture=uniform"]
    again += ["batch_size=6"]  # So that both read as many: the same records.
    again += [f"tasks.again.data.train={ASSETS / 'pairs.tsv'}", "tasks.again.task.max_new_tokens=8"]
    folder = train_several(*SHORT, *again, "module.cosine_every_n_steps=1", names=("translation", "length"))
    found = cosines(folder)
    for step in range(1, 7):
        assert found[step]["translation/again"] == pytest.approx(1, abs=1e-5)
    assert found[6]["translation/length"] == pytest.approx(found[6]["length/again"], abs=1e-5)
    assert abs(found[6]["translation/length"]) < 0.999


@pytest.mark.parametrize("balance", ["grad_norm", "pc_grad"])
def test_micro_batches_change_neither_the_learning_nor_the_cosines(train_several, balance):
    given = [*SHORT, f"balance={balance}", "module.cosine_every_n_steps=1", "mixture=uniform"]
    at_once = train_several(*given, names=BOTH, name="at_once")
    parts = train_several(*given, "trainer.accumulate_grad_batches=4", names=BOTH, name="parts")
    one, other = weights(at_once), weights(parts)
    assert all(torch.allclose(one[name], other[name], atol=2e-5) for name in one)
    for step, named in cosines(at_once).items():
        assert cosines(parts)[step] == pytest.approx(named, abs=1e-3)


@pytest.mark.parametrize("balance", ["grad_norm", "pc_grad"])
def test_a_task_alone_has_nothing_to_balance_or_to_compare(train_several, balance):
    plain = train_several(*SHORT, "only=case", names=BOTH, name="plain")
    given = [f"balance={balance}", "module.cosine_every_n_steps=1"]
    folder = train_several(*SHORT, "only=case", *given, names=BOTH, name="given")
    one, other = weights(plain), weights(folder)
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert read_metrics(plain.metrics) == read_metrics(folder.metrics)


@pytest.mark.parametrize("balance", ["grad_norm", "pc_grad"])
def test_weights_that_stand_still_have_no_part_in_the_gradients(train_several, monkeypatch, balance):
    """Whether they want gradients, as on several devices, or not."""
    given = [
        *SHORT,
        f"balance={balance}",
        "module.cosine_every_n_steps=1",
        "callback=[checkpoint,unfreezing]",
    ]
    given += ["callback.unfreezing.every_n_steps=3", "callback.checkpoint={every_n_steps: 1, keep_last: 6}"]
    spared = train_several(*given, names=BOTH, name="spared")
    monkeypatch.setattr(unfreezing, "_want_gradients", lambda *args: None)
    dropped = train_several(*given, names=BOTH, name="dropped")
    assert spared.metrics.read_bytes() == dropped.metrics.read_bytes()
    for folder in (spared, dropped):
        first, third, last = (weights(folder, step) for step in (1, 3, 6))
        for name in (name for name in first if name.startswith("blocks.")):
            assert torch.equal(first[name], third[name]) == name.startswith("blocks.0.")
            assert not torch.equal(third[name], last[name])


STEP = ["optimizer=sgd", "optimizer.lr=1", "optimizer.momentum=0", "schedule=constant", "mixture=uniform"]
STEP += ["trainer.gradient_clip_val=null", "trainer.max_steps=1", "module.num_predicted=0"]
STEP += ["seed=1"]  # Whose first batch has gradients that conflict.


@pytest.fixture
def step_by(train_several):
    """How far a step of gradient descent goes from a run whose heads have learnt: the gradient, by name."""
    base = train_several(*SHORT, names=BOTH, name="base")
    before = weights(base)
    start = ["model=run", f"init.run={base.path}", "init.checkpoint=last", *STEP]

    def step(*given):
        name = f"step_{len(list(base.path.parent.glob('step_*')))}"
        after = weights(train_several(*start, *given, names=BOTH, name=name), step=1)
        return {key: before[key] - after[key] for key in before}

    return step


def flat(gradient):
    return torch.cat([each.flatten().double() for each in gradient.values()])


def test_pc_grad_projects_the_gradients_that_single_tasks_have(step_by):
    length, case = step_by("tasks.case.weight=0"), step_by("tasks.length.weight=0", "tasks.case.weight=2")
    a, b = flat(length), flat(case)
    assert a @ b < 0
    by_hand = a - (a @ b) / (b @ b) * b + b - (a @ b) / (a @ a) * a
    ours = flat(step_by("balance=pc_grad", "tasks.case.weight=2"))
    assert (ours - by_hand).norm() < 1e-5 * (a + b).norm()
    assert (a + b - by_hand).norm() > 1e-3 * (a + b).norm()


def test_grad_norm_is_told_the_norms_of_the_last_block_without_weights(step_by, monkeypatch):
    told = []
    monkeypatch.setattr(GradNorm, "after_norms", lambda self, losses, norms: told.append((losses, norms)))
    expected = []
    for other in ("case", "length"):
        gradient = step_by(f"tasks.{other}.weight=0")
        expected.append(flat({key: v for key, v in gradient.items() if key.startswith("blocks.1.")}).norm())
    step_by("balance=grad_norm", "tasks.case.weight=2")
    ((losses, norms),) = told
    torch.testing.assert_close(norms, torch.stack(expected).float(), rtol=1e-3, atol=0)
    assert losses.isfinite().all()


def test_grad_norm_learns_and_tells_its_weights(train_several):
    folder = train_several(*SHORT, "balance=grad_norm", names=BOTH)
    logged = [m for m in read_metrics(folder.metrics) if "train/loss" in m]
    each = [[m[f"train/{name}/weight"] for name in BOTH] for m in logged]
    assert each[0] == each[1] == [1, 1]  # Heads begin at 0: the first step has no norms.
    assert 1 not in each[-1]
    assert [sum(pair) for pair in each] == pytest.approx([2] * 6)


def test_grad_norm_leaves_weights_alone_where_each_step_has_one_task(train_several):
    folder = train_several(*SHORT, "balance=grad_norm", "module.unit=step", names=BOTH)
    logged = [m["train/case/weight"] for m in read_metrics(folder.metrics) if "train/loss" in m]
    assert set(logged) == {1.0}


def test_the_gradient_is_the_sum_as_the_balancing_weighs_it():
    rows = torch.tensor([[1.0, 2.0], [10.0, 20.0]])
    assert combined(None, rows.clone(), seed=1, step=2).tolist() == [11, 22]
    fixed = Fixed(["a", "b"], weights={"b": 3})
    assert combined(fixed, rows.clone(), seed=1, step=2).tolist() == [31, 62]


def test_what_a_balancing_draws_is_a_function_of_seed_and_step():
    names = list("abcdef")
    rows = torch.randn(6, 8, generator=torch.Generator().manual_seed(0))

    def draw(seed, step):
        return combined(PCGrad(names), rows.clone(), seed=seed, step=step)

    torch.manual_seed(0)
    first = draw(1, 2)
    torch.manual_seed(5)
    assert torch.equal(draw(1, 2), first)
    assert not torch.equal(draw(1, 3), first)
    assert not torch.equal(draw(2, 2), first)


@pytest.mark.parametrize("given", ["balance=pc_grad", "balance=grad_norm", "module.cosine_every_n_steps=5"])
def test_sharded_gradients_are_refused(new_several_run, given):
    with pytest.raises(UserError, match=r"wants each task's own gradients.*FSDP2.* take trainer=ddp"):
        job.run(new_several_run(given, "trainer=fsdp2"))


def test_scaled_gradients_are_refused(new_several_run):
    trainer = SimpleNamespace(precision="16-mixed", strategy=SingleDeviceStrategy("cpu"))
    config = new_several_run("balance=pc_grad").config()
    with pytest.raises(UserError, match=r"^balance: PCGrad wants .* trainer.precision=16-mixed scales"):
        make_balance(config, list(config.tasks), trainer)
    plain = new_several_run("balance=uncertainty", name="plain").config()
    assert make_balance(plain, list(plain.tasks), trainer) is not None


def test_norms_and_cosines_by_no_weights_at_all_are_refused():
    model = SimpleNamespace(blocks=[nn.Linear(1, 1).requires_grad_(False)], parameters=list)
    for balance, every, named in ((GradNorm(["a"]), None, "balance: GradNorm"), (None, 3, "module.cosine")):
        with pytest.raises(ValueError, match=f"^{named}.* the adapter leaves none to train"):
            GradientSteps(balance, ["a"], model, cosine_every_n_steps=every)
    with pytest.raises(ValueError, match=r"module\.cosine_every_n_steps=0 must be at least 1"):
        GradientSteps(None, ["a"], model, cosine_every_n_steps=0)
    assert not GradientSteps(PCGrad(["a"]), ["a"], model, cosine_every_n_steps=None).is_open
