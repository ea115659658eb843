"""The length of records is known from their texts before a tokenizer is."""

from pathlib import Path
from typing import Any

import pytest

from gpt_exp import check
from gpt_exp.config import cost, feasibility
from gpt_exp.config.compose import composition
from gpt_exp.config.record_length import MAX_BYTES, record_length

PAIRS = Path(__file__).parents[1] / "assets/pairs.tsv"
RECORDS = ["module=fine_tuning", "task=translation", "data=tsv", f"data.train={PAIRS}", "model=gpt_nano"]
TEXTS = [line.replace("\t", "\n") for line in PAIRS.read_text().splitlines()[1:]]


def config_of(*overrides: str) -> dict[str, Any]:
    job = composition("train", [*RECORDS, *overrides])
    assert not job.problems
    return job.resolved.config


@pytest.mark.parametrize(
    ("tokenizer", "tokens"),
    [
        ("byte", lambda text: len(text.encode())),
        ("character", len),
        ("items", lambda text: len(text.split())),
    ],
)
def test_records_are_counted_in_the_tokenizer_s_tokens(tokenizer: str, tokens: Any) -> None:
    found = record_length(config_of(f"tokenizer={tokenizer}"), 1000)
    assert found is not None
    lengths = [tokens(text) for text in TEXTS]
    assert found.mean == pytest.approx(sum(lengths) / len(lengths), rel=0.01)
    assert found.longest == pytest.approx(max(lengths), rel=0.05)


def test_the_context_cuts_them() -> None:
    found = record_length(config_of("tokenizer=byte"), 8)
    assert found is not None and found.mean == found.longest == 8


def test_packed_records_fill_the_context() -> None:
    assert record_length(config_of("sampling=packed_records"), 8) is None


def test_what_cannot_be_read_at_once_is_assumed_and_said() -> None:
    config = config_of() | {"data": {"_target_": "gpt_exp.data.imports.Imports"}}
    found = record_length(config, 64)
    assert found is not None and found.mean == 64
    assert "assumed" in check.summary(config)


def test_a_tokenizer_that_an_earlier_stage_will_train_is_like_any_that_is_to_be_trained(tmp_path) -> None:
    later = {"_target_": "gpt_exp.tokenizer.file.open", "path": str(tmp_path / "run" / "tokenizer")}
    found = record_length(config_of() | {"tokenizer": later}, 1000)
    assert found == record_length(config_of("tokenizer=bpe"), 1000)
    assert found is not None and "estimated" in found.basis


def test_of_data_made_of_others_what_is_there_is_measured(tmp_path) -> None:
    """The labels of an earlier stage are still to come; beside the data lie others that are too large."""
    (tmp_path / "sst2").mkdir()
    texts = [f"a film number {number}" for number in range(50)]
    lines = "".join(f"{text}\t{number % 2}\n" for number, text in enumerate(texts))
    for name in ("train.tsv", "dev.tsv"):
        (tmp_path / "sst2" / name).write_text(lines)
    with (tmp_path / "large.bin").open("wb") as large:
        large.truncate(MAX_BYTES + 1)
    job = composition(
        "train",
        [
            *("experiment=sentiment_sst2", "data=sst2_self_training", f"data.root={tmp_path}"),
            f"data.sources.pseudo_labelled.train={tmp_path}/labelled.jsonl",
        ],
    )
    found = record_length(job.resolved.config, 128)
    assert found is not None and "estimated" in found.basis
    assert found.longest <= len("a film number 50\nnegative")


def test_a_source_that_is_not_ours_is_not_made(tmp_path, monkeypatch) -> None:
    """A config may come from anywhere, and check calls nothing that is not allowed."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "touching.py").write_text(
        f"def touch(**given):\n    open({str(tmp_path / 'touched')!r}, 'w').close()\n"
    )
    node = {"_target_": "touching.touch", "train": str(PAIRS)}
    data = {"_target_": "gpt_exp.data.together.Together", "sources": {"a": node}}
    found = record_length(config_of() | {"data": data}, 64)
    assert found is not None and "assumed" in found.basis
    assert not (tmp_path / "touched").exists()


def test_a_job_of_records_costs_what_its_records_are_long() -> None:
    config, full = config_of("tokenizer=byte"), config_of("tokenizer=byte", "sampling=packed_records")
    shape = feasibility.shape(config, 257)
    short, long = cost.estimate(config, shape), cost.estimate(full, shape)
    mean = sum(len(text.encode()) for text in TEXTS) / len(TEXTS)
    assert short.tokens / long.tokens == pytest.approx(mean / shape.context_length, rel=0.01)
    assert short.flops < long.flops and short.memory.activations < long.memory.activations
