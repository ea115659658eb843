"""What the overrides of a sweep span, against Hydra's own reading and its own sweeper."""

from itertools import pairwise
from typing import Any

import pytest
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.types import Quote, QuotedString
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt_exp.config.overrides import parse
from gpt_exp.errors import UserError
from gpt_exp.sweep.space.space import Space, corners, every_job, grid, read_space, size

CONDITIONAL = [
    "optimizer=adamw,muon,sgd",
    "optimizer.lr=tag(optimizer:adamw, choice(1e-3,3e-3))",
    "optimizer.lr=tag(optimizer:muon, choice(0.01,0.02,0.03))",
    "optimizer.momentum=tag(optimizer:muon, optimizer:sgd, choice(0.9,0.95))",
    "optimizer.nesterov=tag(optimizer:muon, optimizer.momentum:0.95, choice(true,false))",
    "seed=1,2",
]


def told(*texts: str) -> str:
    with pytest.raises(UserError) as error:
        read_space(texts)
    return str(error.value)


def hydras_jobs(texts: list[str]) -> list[list[str]]:
    (jobs,) = BasicSweeper.split_arguments(parse(texts), None)
    return [list(job) for job in jobs]


@pytest.mark.parametrize(
    "texts",
    [
        ["seed=1,2", "optimizer=adamw,muon", "batch_size=range(8,33,8)"],
        [
            "trainer.max_steps=10",
            "a=choice(x,y)",
            "+b=0.1,2e-5",
            "experiment=pretrain_demo",
            "c=range(3,0,-1)",
        ],
        ["a=range(0.1,0.5,0.1)", "b=[1,2],[3]", "c={x:1},{x:2}", "d='a b',\"c\",e"],
        ["seed=1,2", "a=3,4", "seed=5,6"],
        ["seed=1,2", "seed=3"],
        ["seed=3", "a=1,2", "seed=1,2"],
        ["a=float(1,2)", "b=int(range(1.0,4.0))", "c=sort(3,1,2)", "++d=null,true"],
        ["seed=1"],
    ],
    ids=" ".join,
)
def test_a_grid_is_hydras(texts: list[str]) -> None:
    space = read_space(texts)
    swept = {parameter.prefix + parameter.key for parameter in space.parameters}
    jobs = [[o for o in job if o.partition("=")[0] in swept] for job in hydras_jobs(texts)]
    assert grid(space) == jobs
    assert size(space) == len(jobs)
    assert [set(job) for job in hydras_jobs(texts)] == [{*space.fixed, *job} for job in jobs]


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\n\r\x00"), min_size=0, max_size=8)
SCALARS = (
    st.integers(-(10**12), 10**12).map(str)
    | st.floats(allow_nan=False).map(repr)
    | st.sampled_from(["true", "false", "null", "gpt_nano", "a/b.c", "x-1", "a\\ b", "'null'", "'1e3'", "''"])
    | st.builds(lambda text, quote: QuotedString(text, quote).with_quotes(), TEXT, st.sampled_from(Quote))
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]")
        | st.lists(inner, max_size=3).map(
            lambda items: f"{{{','.join(f'k{i}:{x}' for i, x in enumerate(items))}}}"
        )
    ),
    max_leaves=4,
)


@given(st.lists(VALUES, min_size=2, max_size=4))
@settings(deadline=None, max_examples=150)
def test_hydra_reads_back_the_values_that_were_given(values: list[str]) -> None:
    wanted = [parse([f"key={value}"])[0].value() for value in values]
    space = read_space([f"key={','.join(values)}"])
    got = [parse(job)[0].value() for job in grid(space)]
    assert list(map(repr, got)) == list(dict.fromkeys(map(repr, wanted)))


def test_strings_that_look_like_numbers_stay_strings() -> None:
    assert [parse(job)[0].value() for job in grid(read_space(["a=str(1,2)"]))] == ["1", "2"]


@given(st.floats(1e-300, 1e300), st.floats(1e-300, 1e300))
def test_the_ends_of_an_interval_are_read_back(a: float, b: float) -> None:
    low, high = sorted((a, b))
    ends = corners(read_space([f"lr=interval({low!r},{high!r})"]))
    assert [parse(job)[0].value() for job in ends] == ([low, high] if low < high else [low])


def test_no_job_comes_twice() -> None:
    assert grid(read_space(["lr=1e-3,0.001,2e-3", "seed=1,1"])) == [
        ["lr=0.001", "seed=1"],
        ["lr=0.002", "seed=1"],
    ]


def test_shuffled_values_keep_their_order() -> None:
    space = read_space(["a=shuffle(5,4,3,2,1)", "b=shuffle(range(0,6))"])
    assert [parameter.values for parameter in space.parameters] == [tuple("54321"), tuple("012345")]


def test_a_glob_means_the_options_of_its_group() -> None:
    (model,) = read_space(["model=glob([gpt_*,llama_n*],exclude=[gpt_s*,gpt_l*])"]).parameters
    assert {"gpt_nano", "gpt_xl", "llama_nano"} <= set(model.values)
    assert not {"gpt_small", "gpt_large", "llama_1b", "_gpt2", "hugging_face"} & set(model.values)


def test_a_glob_sees_ones_own_options(tmp_path: Any) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "gpt_mine.yaml").write_text("defaults: [gpt_nano]\n")
    (model,) = read_space(["model=glob(gpt_m*)"], str(tmp_path)).parameters
    assert {"gpt_mine", "gpt_micro"} <= set(model.values)


def jobs_of(space: Space) -> list[dict[str, str]]:
    return [dict(override.split("=", 1) for override in job) for job in grid(space)]


def test_a_parameter_is_there_where_its_condition_is_met() -> None:
    jobs = jobs_of(read_space(CONDITIONAL))
    for job in jobs:
        assert ("optimizer.lr" in job) == (job["optimizer"] in ("adamw", "muon"))
        assert ("optimizer.momentum" in job) == (job["optimizer"] in ("muon", "sgd"))
        both = job["optimizer"] == "muon" and job.get("optimizer.momentum") == "0.95"
        assert ("optimizer.nesterov" in job) == both
    rates = {
        name: {job.get("optimizer.lr") for job in jobs if job["optimizer"] == name}
        for name in ("adamw", "muon")
    }
    assert rates == {"adamw": {"0.001", "0.003"}, "muon": {"0.01", "0.02", "0.03"}}
    assert len(jobs) == len({tuple(job.items()) for job in jobs}) == 2 * (2 + 3 * (1 + 2) + 2)


def test_what_decides_comes_first_wherever_it_stands() -> None:
    forwards, backwards = read_space(CONDITIONAL), read_space(CONDITIONAL[::-1])
    for space in (forwards, backwards):
        keys = [parameter.key for parameter in space.parameters]
        assert all(
            keys.index(key) < index
            for index, parameter in enumerate(space.parameters)
            for key in parameter.conditions
        )
    assert {frozenset(job) for job in grid(forwards)} == {frozenset(job) for job in grid(backwards)}


def test_a_condition_may_name_what_is_fixed() -> None:
    space = read_space(["optimizer=muon", "optimizer.momentum=tag(optimizer:muon, choice(0.9,0.95))"])
    assert grid(space) == [["optimizer.momentum=0.9"], ["optimizer.momentum=0.95"]]


def test_a_condition_compares_values_and_not_spellings() -> None:
    space = read_space(["lr=1e-3,2e-3", "warmup=tag(lr:0.0010, choice(1,2))"])
    assert grid(space) == [["lr=0.001", "warmup=1"], ["lr=0.001", "warmup=2"], ["lr=0.002"]]


def test_parameters_of_one_key_have_names_of_their_own() -> None:
    names = [parameter.name for parameter in read_space(CONDITIONAL).parameters]
    assert "optimizer.lr (optimizer:muon)" in names
    assert "optimizer.momentum" in names
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    "texts",
    [
        CONDITIONAL,
        ["a=1,2,3", "b=range(0,5)", "c=int(interval(1,4))"],
        ["a=1,2", "b=tag(a:1, int(interval(1,4)))", "c=tag(a:2, choice(x,y))"],
        ["a=interval(2,2)", "b=1,2"],
        ["seed=3"],
    ],
    ids=" ".join,
)
def test_the_size_is_the_number_of_jobs(texts: list[str]) -> None:
    space = read_space(texts)
    assert size(space) == len(list(every_job(space)))


def test_an_interval_of_real_numbers_has_no_size() -> None:
    assert size(read_space(["a=1,2", "lr=interval(0,1)"])) is None


def test_an_interval_in_a_grid_is_refused() -> None:
    with pytest.raises(UserError) as error:
        grid(read_space(["seed=1,2", "optimizer.lr=interval(0,1)"]))
    assert str(error.value) == (
        "optimizer.lr=interval(0,1): interval(...) needs a search, such as sweep=tpe, or a list of values "
        "(command line)"
    )


def test_corners_are_all_lists_with_the_ends_of_intervals() -> None:
    space = read_space(
        ["optimizer=adamw,muon", "lr=tag(optimizer:muon, log, interval(1e-3,1e-1))", "n=range(1,4)"]
    )
    jobs = [dict(override.split("=") for override in job) for job in corners(space)]
    assert len(jobs) == 3 + 2 * 3
    assert {job.get("lr") for job in jobs} == {None, "0.001", "0.1"}


def test_corners_of_a_large_space_are_spread_over_it() -> None:
    texts = [f"p{index}=range(0,{10 + index})" for index in range(8)]
    space = read_space([*texts, "q=tag(p0:3, interval(0,1))"])
    jobs = [dict(override.split("=") for override in job) for job in corners(space, most=100)]
    assert len(jobs) == 100
    assert corners(space, most=100) == corners(read_space([*texts, "q=tag(p0:3, interval(0,1))"]), most=100)
    for index in range(8):
        values = [job[f"p{index}"] for job in jobs]
        counts = [values.count(str(value)) for value in range(10 + index)]
        assert max(counts) - min(counts) <= 1
    assert {job["q"] for job in jobs if job["p0"] == "3"} == {"0.0", "1.0"}
    assert any(a["p0"] != b["p0"] for a, b in pairwise(jobs))


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (
            ["optimizer=adamw,muon", "lr=tag(optimiser:muon, interval(0,1))"],
            "the tag optimiser:muon names no override of this command (command line). "
            "Did you mean optimizer:muon?",
        ),
        (
            ["optimizer=adamw,muon", "lr=tag(optimizer:muo, interval(0,1))"],
            "optimizer is never muo in this sweep; there is adamw, muon (command line). "
            "Did you mean optimizer:muon?",
        ),
        (
            ["optimizer=adamw", "lr=tag(optimizer:muon, interval(0,1))"],
            "optimizer is never muon in this sweep; there is adamw (command line)",
        ),
        (["lr=tag(lgo, interval(1,2))"], "the tag lgo means nothing; there is log, and KEY:VALUE"),
        (["lr=tag(lgo, interval(1,2))"], "Did you mean log?"),
        (["optimizer=adamw,muon", "lr=tag(muon, interval(0,1))"], "Did you mean optimizer:muon?"),
        (["a=interval(0,1)", "b=tag(a:0.5, choice(1,2))"], "the tag a:0.5 names an interval"),
        (["a=tag(b:1, choice(1,2))", "b=tag(a:1, choice(1,2))"], "its condition leads back to itself"),
        (["a=tag(a:1, choice(1,2))"], "its condition leads back to itself"),
        (
            ["b=1,2", "c=1,2", "a=tag(b:1, choice(1,2))", "a=tag(c:1, choice(3,4))"],
            "sets in some jobs what another override sets too",
        ),
        (["lr=tag(log, interval(0,1))"], "a logarithmic scale begins above 0"),
        (["lr=tag(log, choice(1,2))"], "tag(log, ...) goes with an interval(...)"),
        (["lr=tag(log, range(1,9,2))"], "tag(log, ...) goes with an interval(...)"),
        (["lr=interval(2,1)"], "an interval goes from its lower to its higher end"),
        (["lr=interval(0,inf)"], "both finite"),
        (["lr=interval(nan,1)"], "both finite"),
        (["n=range(0,nan)"], "a range has at most 10,000 values"),
        (["n=range(5,1)"], "there is no value in it"),
        (["n=range(0,1e9)"], "a range has at most 10,000 values"),
        (["n=range(0,1,0)"], "a range has at most 10,000 values"),
        (["model=glob(gtp_*)"], "matches none of gpt_large, "),
        (["seed=glob(1*)"], "glob(...) is for groups of options"),
    ],
)
def test_a_mistake_is_one_line(texts: list[str], message: str) -> None:
    line = told(*texts)
    assert message in line
    assert "\n" not in line


def test_mistakes_are_told_together() -> None:
    assert len(told("a=interval(2,1)", "b=range(5,1)", "model=glob(x)").splitlines()) == 3
