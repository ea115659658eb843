"""What grows in a run, before it runs: mistakes in a line each, and what it will read."""

import pytest
from made_runs import ASSETS
from several_tasks import TASKS, overrides_of

from gpt_exp import check
from gpt_exp.config import cost, feasibility, growing
from gpt_exp.config.compose import composition
from gpt_exp.config.jobs import composed

PAIRS = ["module=fine_tuning", "task=translation", "data=tsv", f"data.train={ASSETS / 'pairs.tsv'}"]


def config_of(*overrides):
    job = composition("train", list(overrides))
    assert not job.problems
    return job.resolved.config


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (["growth=context", "growth.context_length=[[0,24]]"], "growth.context_length: 24 must divide"),
        (
            ["growth=context", "growth.context_length=[[0,512]]"],
            "growth.context_length: 512 must be from 1 to",
        ),
        (["growth=context", "growth.context_length=[[0,a]]"], "growth.context_length: expected Sequence["),
        (["growth=batch", "growth.max_steps=null"], "growth.max_steps: expected int, got null"),
        (
            ["growth=batch", "growth.batch_size=[[4,32]]"],
            "growth.batch_size: the first step is 4 and must be 0",
        ),
        (
            ["growth=batch", "growth.batch_size=[[0,6],[9,32]]", "trainer.devices=2", "trainer.num_nodes=2"],
            "growth.batch_size: 6 is not a multiple of 4 = 2 devices x 2 nodes x 1 accumulated micro-batches",
        ),
        (
            [*PAIRS, "growth=context"],
            "growth.context_length: cuts sequences of text, and this module learns from records",
        ),
    ],
)
def test_a_mistake_is_a_line(overrides, line):
    (problem,) = composed("train", ("model.context_length=256", *overrides), None, "train").problems
    assert str(problem).startswith(line) and "\n" not in str(problem)


def test_several_tasks_are_mixed_in_batches_of_one_size(tmp_path):
    given = overrides_of(tmp_path, ["growth=batch"], tuple(TASKS))
    (problem,) = composed("train", tuple(given), None, "train").problems
    assert str(problem).startswith("growth.batch_size: module=multi_task mixes its tasks in")


def test_batches_of_records_may_grow():
    assert not composed("train", (*PAIRS, "growth=batch"), None, "train").problems


def test_tokens_and_flops_are_those_of_all_phases():
    both = [
        "growth=[context,batch]",
        "growth.context_length=[[0,32],[4,64]]",
        "growth.batch_size=[[0,2],[6,8]]",
    ]
    config = config_of(
        "model=gpt_nano", "model.context_length=64", "batch_size=8", "trainer.max_steps=10", *both
    )
    shape = feasibility.shape(config, 4096)
    assert growing.spans(config, 64) == [(4, 2, 32), (2, 2, 64), (4, 8, 64)]
    job = cost.estimate(config, shape)
    assert job.tokens == (4 * 2 + 2 * 2 + 4 * 8) * 64
    short, long = shape.flops_per_token(32), shape.flops_per_token(64)
    assert job.flops == 8 * 64 * short + 36 * 64 * long


def test_what_grows_is_told_and_nothing_else():
    given = ["growth=batch", "growth.batch_size=[[0,8],[5,32]]"]
    told = [text for _, text in check.rows(config_of(*given)) if text.startswith("from step")]
    assert told == ["from step 0: 8 sequences", "from step 5: 32 sequences"]
    both = config_of("growth=context", "model.context_length=64", "growth.context_length=[[0,32],[5,64]]")
    told = [text for _, text in check.rows(both) if text.startswith("from step")]
    assert told == ["from step 0: 32 sequences, cut to 32 tokens", "from step 5: 32 sequences"]


def test_without_growth_all_steps_are_alike():
    config = config_of("trainer.max_steps=10", "batch_size=8")
    assert growing.spans(config, 64) == [(10, 8, 64)]
