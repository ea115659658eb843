"""Searches over small functions: what they draw, that they go on as if never killed, why they prune."""

import logging
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import pytest

from gpt_exp.config.compose import compose
from gpt_exp.errors import UserError
from gpt_exp.sweep.search.search import Search, Trial
from gpt_exp.sweep.settings import Settings, settings_of
from gpt_exp.sweep.space.space import grid, read_space

INTERVALS = ["lr=tag(log, interval(1e-4,1e-1))", "decay=interval(0,1)"]
LISTS = ["lr=1,2,3,4", "decay=a,b,c,d"]
CONDITIONAL = [
    "optimizer=adamw,muon",
    "lr=tag(optimizer:adamw, log, interval(1e-4,1e-2))",
    "lr=tag(optimizer:muon, log, interval(1e-2,1))",
    "momentum=tag(optimizer:muon, range(0.1,0.5,0.1))",
    "layers=int(interval(2,8))",
    "width=range(64,257,64)",
]
SEARCHES = ["tpe", "random", "quasi_random"]


@pytest.fixture(autouse=True)
def no_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test survives no power loss."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def open_search(folder: Path, texts: Sequence[str], *overrides: str, name: str = "demo/now") -> Search:
    """A search as a command with these overrides has it."""
    return Search(read_space(texts), settings(*overrides), folder / "study.journal", name=name)


@cache
def settings(*overrides: str) -> Settings:
    return settings_of(compose("train", list(overrides)))


def values(trial: Trial) -> dict[str, str]:
    return dict(override.split("=", 1) for override in trial.overrides)


def loss(trial: Trial) -> float:
    """Any function of the overrides."""
    given = values(trial)
    lr = abs(math.log10(float(given.get("lr", "1"))) + 2)
    return lr + float(given.get("momentum", 0)) + 0.1 * len(given.get("optimizer", ""))


def all_of(
    search: Search, function: Callable[[Trial], float] = loss, *, num_objectives: int = 1
) -> list[Trial]:
    """Carry the search out, one job at a time."""
    trials = []
    while (trial := search.ask()) is not None:
        trials.append(trial)
        search.tell(trial.number, "finished", [function(trial)] * num_objectives)
    return trials


@pytest.mark.parametrize("sweep", SEARCHES)
def test_jobs_lie_in_the_space(sweep: str, tmp_path: Path) -> None:
    for trial in all_of(open_search(tmp_path, CONDITIONAL, f"sweep={sweep}", "sweep.num_trials=16")):
        given = values(trial)
        low, high = (1e-4, 1e-2) if given["optimizer"] == "adamw" else (1e-2, 1)
        assert low <= float(given["lr"]) <= high
        assert ("momentum" in given) == (given["optimizer"] == "muon")
        assert given.get("momentum", "0.1") in ("0.1", "0.2", "0.30000000000000004", "0.4")
        assert given["layers"] in map(str, range(2, 9))
        assert given["width"] in ("64", "128", "192", "256")


def test_tpe_draws_near_what_did_well(tmp_path: Path) -> None:
    trials = all_of(open_search(tmp_path, INTERVALS, "sweep=tpe", "sweep.num_trials=30"))
    losses = [loss(trial) for trial in trials]
    assert min(losses) < 0.1
    assert sum(losses[10:]) / 20 < 0.65  # At random it were 0.83.


def test_cma_es_comes_near_the_minimum(tmp_path: Path) -> None:
    trials = all_of(open_search(tmp_path, INTERVALS, "sweep=cma_es", "sweep.num_trials=40"))
    assert min(map(loss, trials)) < 0.05


@pytest.mark.parametrize(
    ("sweep", "texts"),
    [
        *((sweep, texts) for sweep in SEARCHES for texts in (INTERVALS, LISTS, CONDITIONAL)),
        ("cma_es", INTERVALS),
    ],
)
def test_a_search_that_is_opened_anew_for_each_job_draws_the_same(
    sweep: str, texts: list[str], tmp_path: Path
) -> None:
    asked = ["sweep.num_trials=9", f"sweep={sweep}", "sweep/pruner=none"]
    whole = all_of(open_search(tmp_path / "whole", texts, *asked))
    for trial in whole:
        search = open_search(tmp_path / "parts", texts, *asked)
        assert search.ask() == trial
        search.tell(trial.number, "finished", [loss(trial)])
    assert open_search(tmp_path / "parts", texts, *asked).ask() is None
    assert len({tuple(trial.overrides) for trial in whole}) == 9


def test_another_seed_is_another_search(tmp_path: Path) -> None:
    searches = [
        all_of(open_search(tmp_path / str(seed), INTERVALS, "sweep=random", f"sweep.sampler.seed={seed}"))
        for seed in (0, 1)
    ]
    assert not {tuple(t.overrides) for t in searches[0]} & {tuple(t.overrides) for t in searches[1]}


def test_jobs_under_way_are_known_after_a_restart(tmp_path: Path) -> None:
    search = open_search(tmp_path, INTERVALS, "sweep=tpe")
    trials = [search.ask() for _ in range(4)]
    assert all(trials)
    first, second, third, fourth = filter(None, trials)
    search.report(first.number, 10, 2.0)
    search.tell(second.number, "finished", [1.0])
    search.tell(third.number, "failed")
    again = open_search(tmp_path, INTERVALS, "sweep=tpe")
    assert again.under_way() == [first, fourth]
    again.report(first.number, 10, 2.0)  # The job goes on from before this step.
    again.report(first.number, 20, 1.5)
    again.tell(first.number, "finished", [1.5])
    again.tell(first.number, "finished", [1.5])
    assert again.under_way() == [fourth]


MANAGER = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_search import open_search
search = open_search(Path({folder!r}), {texts!r}, *{overrides!r}, name={name!r})
print("ready", flush=True)
while (trial := search.ask()) is not None:
    print(trial.number, *trial.overrides, flush=True)
    if trial.number % 2:
        search.tell(trial.number, "finished", [float(trial.number)])
"""


def manager(folder: Path, texts: list[str], *overrides: str, name: str = "demo/now") -> subprocess.Popen[str]:
    """Another process that asks for jobs and ends every other one."""
    folder.mkdir(exist_ok=True)
    code = MANAGER.format(
        tests=str(Path(__file__).parent), folder=str(folder), texts=texts, overrides=overrides, name=name
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)


def test_a_manager_that_is_killed_loses_no_job(tmp_path: Path) -> None:
    killed = manager(tmp_path, INTERVALS, "sweep=random", "sweep.num_trials=1000")
    assert killed.stdout is not None
    printed = [killed.stdout.readline() for _ in range(8)][1:]
    killed.send_signal(signal.SIGKILL)
    printed += killed.communicate()[0].splitlines()
    asked = [line.split() for line in printed if "decay" in line]
    search = open_search(tmp_path, INTERVALS, "sweep=random", "sweep.num_trials=1000")
    under_way = {(str(trial.number), *trial.overrides) for trial in search.under_way()}
    assert {tuple(words) for words in asked if int(words[0]) % 2 == 0} <= under_way
    assert len(under_way) <= len(asked) / 2 + 2  # One may have been drawn and not printed, one not told.
    assert search.ask() is not None


def test_what_a_kill_leaves_half_done_is_cleared(tmp_path: Path) -> None:
    search = open_search(tmp_path, INTERVALS, "sweep=random")
    first = search.ask()
    journal = tmp_path / "study.journal"
    whole = journal.read_bytes()
    assert search.ask() is not None
    second = journal.read_bytes()[len(whole) :]
    journal.write_bytes(whole + second[: second.index(b'"overrides"')])  # Killed while it was written down.
    (tmp_path / "study.journal.lock").symlink_to(journal)
    began = time.monotonic()
    again = open_search(tmp_path, INTERVALS, "sweep=random")
    assert again.under_way() == [first]
    third = again.ask()
    assert third is not None
    assert third.number == 2  # The half one is there, and failed.
    assert time.monotonic() - began < 25  # Optuna waits for a lock that nobody holds for 30 seconds.


def test_two_machines_share_a_search(tmp_path: Path) -> None:
    shared = ["sweep=tpe", f"sweep.storage={tmp_path / 'shared.journal'}", "sweep.num_trials=14"]
    managers = [manager(tmp_path / name, LISTS, *shared, name=f"demo/{name}") for name in ("a", "b")]
    lines = [process.communicate()[0].splitlines() for process in managers]
    assert all(process.returncode == 0 for process in managers)
    assert all(line[0] == "ready" for line in lines)
    jobs = [line.split(maxsplit=1)[1] for own in lines for line in own[1:]]
    assert len(jobs) == len(set(jobs)) == 14
    for name, own in zip("ab", lines, strict=True):
        left = open_search(tmp_path / name, LISTS, *shared, name=f"demo/{name}").under_way()
        even = [line.split() for line in own[1:] if int(line.split()[0]) % 2 == 0]
        assert [[str(trial.number), *trial.overrides] for trial in left] == even


@pytest.mark.slow
def test_a_database_does_as_well(tmp_path: Path) -> None:
    shared = ["sweep=tpe", f'sweep.storage="sqlite:///{tmp_path / "search.db"}"', "sweep.num_trials=6"]
    first = open_search(tmp_path, LISTS, *shared)
    trial = first.ask()
    assert trial is not None
    assert open_search(tmp_path, LISTS, *shared).under_way() == [trial]
    (tmp_path / "other").mkdir()
    other = open_search(tmp_path / "other", LISTS, *shared)
    assert other.under_way() == []
    assert len(all_of(other)) == 5


@pytest.mark.parametrize("sweep", SEARCHES)
def test_a_finite_space_ends_when_each_of_its_jobs_was_asked_for_once(sweep: str, tmp_path: Path) -> None:
    texts = [
        "optimizer=adamw,muon",
        "momentum=tag(optimizer:muon, choice(0.1,0.2,0.3))",
        "layers=int(interval(1,3))",
    ]
    trials = all_of(open_search(tmp_path, texts, f"sweep={sweep}", "sweep.num_trials=100"))
    wanted = grid(read_space([*texts[:2], "layers=1,2,3"]))
    assert sorted(trial.overrides for trial in trials) == sorted(wanted)


def test_a_space_of_one_job_has_one(tmp_path: Path) -> None:
    assert [trial.overrides for trial in all_of(open_search(tmp_path, ["seed=3"], "sweep=tpe"))] == [[]]


def test_failed_jobs_count_and_more_trials_go_on(tmp_path: Path) -> None:
    search = open_search(tmp_path, INTERVALS, "sweep=tpe", "sweep.num_trials=3")
    for _ in range(3):
        trial = search.ask()
        assert trial is not None
        search.tell(trial.number, "failed")
    assert search.ask() is None
    assert len(all_of(open_search(tmp_path, INTERVALS, "sweep=tpe", "sweep.num_trials=5"))) == 2


def reported(search: Search, curve: Sequence[float], every: int = 100) -> tuple[int | None, str | None]:
    """A job whose validations give these losses: where it was pruned, and why."""
    trial = search.ask()
    assert trial is not None
    for step, value in enumerate(curve, 1):
        if (why := search.report(trial.number, every * step, value)) is not None:
            search.tell(trial.number, "pruned", [value])
            return every * step, why
    search.tell(trial.number, "finished", [min(curve)])
    return None, None


def pruning(folder: Path, pruner: str, *overrides: str) -> Search:
    steps = ["trainer.max_steps=900", "trainer.val_check_interval=100"]
    return open_search(folder, INTERVALS, "sweep=random", f"sweep/pruner={pruner}", *steps, *overrides)


def test_the_median_prunes_with_its_reason(tmp_path: Path) -> None:
    search = pruning(tmp_path, "median")
    for last in (1.0, 2.0, 3.0, 4.0):
        assert reported(search, [5.0, 4.5, last]) == (None, None)
    assert reported(search, [6.0]) == (100, "worse than the median of 4 jobs at step 100: 6 > 5")
    assert reported(search, [5.0, 4.5, 2.503]) == (
        300,
        "worse than the median of 4 jobs at step 300: 2.503 > 2.5",
    )
    assert reported(search, [5.0, 4.5, 2.4]) == (None, None)
    assert reported(search, [4.4, math.nan, 2.4])[0] is None  # Its best so far is what counts.
    assert reported(search, [math.nan]) == (100, "nan at step 100")


def test_of_a_metric_to_maximize_the_smaller_is_pruned(tmp_path: Path) -> None:
    search = pruning(tmp_path, "median", "sweep.direction=maximize")
    for _ in range(4):
        reported(search, [1.0])
    assert reported(search, [0.5]) == (100, "worse than the median of 4 jobs at step 100: 0.5 < 1")
    assert reported(search, [2.0]) == (None, None)


def test_successive_halving_prunes_at_its_rungs(tmp_path: Path) -> None:
    search = pruning(tmp_path, "successive_halving")
    good, bad = [3.0 - step / 10 for step in range(9)], [4.0, 3.9, 3.8]
    assert reported(search, good) == (None, None)
    assert reported(search, bad) == (100, "not in the best third of 2 jobs at step 100: 4 > 3")
    late = [2.9, 2.9, 2.95, 1.0]  # The next rung is at 300 steps: 200 were too few to be judged again.
    assert reported(search, late) == (300, "not in the best third of 2 jobs at step 300: 2.95 > 2.8")


def test_hyperband_prunes_within_brackets(tmp_path: Path) -> None:
    search = pruning(tmp_path, "hyperband", "sweep.num_trials=16")
    ends = [reported(search, [5.0 + index / 10] * 9) for index in range(16)]
    pruned_at = {step for step, _ in ends}
    assert {None, 100} < pruned_at <= {None, 100, 300, 900}  # One bracket begins at 100, another later.
    assert all("in the best third of" in why for _, why in ends if why)
    assert ends[0] == (None, None)


def test_a_pruner_of_another_kind_gives_its_name(tmp_path: Path) -> None:
    given = "sweep.pruner={_target_: optuna.pruners.ThresholdPruner, upper: 3}"
    search = open_search(tmp_path, INTERVALS, "sweep=random", "sweep/pruner=none", given)
    assert reported(search, [2.0, 3.5]) == (200, "ThresholdPruner at step 200: 3.5")


def test_without_a_pruner_no_job_is_pruned(tmp_path: Path) -> None:
    search = pruning(tmp_path, "none")
    assert [reported(search, [value]) for value in (1.0,) * 6 + (9.0, math.nan)] == [(None, None)] * 8


def test_a_loss_that_never_was_a_number_keeps_the_search_away(tmp_path: Path) -> None:
    search = open_search(tmp_path, CONDITIONAL, "sweep=tpe", "sweep.num_trials=30")
    trials = all_of(search, lambda trial: math.nan if values(trial)["optimizer"] == "muon" else loss(trial))
    assert sum(values(trial)["optimizer"] == "adamw" for trial in trials[10:]) >= 13


def test_several_objectives_are_neither_pruned_nor_mixed(tmp_path: Path) -> None:
    search = open_search(tmp_path, CONDITIONAL, "sweep=multi_objective", "sweep.num_trials=14")
    told = []
    while (trial := search.ask()) is not None:
        assert search.report(trial.number, 10, 1e9) is None
        pair = [loss(trial), float(values(trial)["width"])]
        search.tell(trial.number, "finished", [pair[0], math.nan] if trial.number == 3 else pair)
        told.append((trial.number, pair))
    assert len(told) == 14
    front = [
        number
        for number, (a, b) in told
        if number != 3 and not any(x <= a and y <= b and (x, y) != (a, b) for n, (x, y) in told if n != 3)
    ]
    assert sorted(best.number for best in search._study.best_trials) == front


@pytest.mark.parametrize(
    ("texts", "overrides", "message"),
    [
        (LISTS, ["sweep=cma_es"], "lr=1,2,3,4: CMA-ES knows numbers, but no lists of values; sweep=tpe does"),
        (
            ["k=range(1,4)", "a=interval(0,1)", "b=tag(k:1, interval(0,1))"],
            ["sweep=cma_es"],
            "b=tag(k:1, interval(0,1)): CMA-ES knows numbers, but no conditions",
        ),
        (INTERVALS[:1], ["sweep=cma_es"], "CMA-ES needs at least two parameters"),
        (INTERVALS, ["sweep=cma_es", "sweep.metric=[val/loss,num_parameters]"], "CMA-ES has one objective"),
        (
            INTERVALS,
            ["sweep=tpe", "sweep/pruner=hyperband", "trainer.max_steps=100"],
            "sweep.pruner.min_resource=250 is above sweep.pruner.max_resource=100",
        ),
        (
            INTERVALS,
            ["sweep=tpe", "sweep/pruner=successive_halving", "sweep.pruner.reduction_factor=1"],
            "sweep.pruner: The value of `reduction_factor` is 1",
        ),
        (
            INTERVALS,
            ["sweep=quasi_random", "sweep.sampler.qmc_type=sobel"],
            "sweep.sampler: The `qmc_type='sobel'`",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_a_line(
    texts: list[str], overrides: list[str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError) as error:
        open_search(tmp_path, texts, *overrides)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_no_other_package_is_called(tmp_path: Path) -> None:
    harmful = Settings(sampler={"_target_": "os.system", "command": f"touch {tmp_path}/made"})
    with pytest.raises(UserError, match="not in a package that a config may call"):
        Search(read_space(INTERVALS), harmful, tmp_path / "study.journal", name="demo/now")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("texts", "overrides", "what"),
    [(LISTS, [], "parameters"), (INTERVALS, ["sweep.metric=test/loss"], "objectives")],
)
def test_a_study_of_another_search_is_refused(
    texts: list[str], overrides: list[str], what: str, tmp_path: Path
) -> None:
    storage = f"sweep.storage={tmp_path / 'shared.journal'}"
    open_search(tmp_path, INTERVALS, "sweep=tpe", storage)
    with pytest.raises(UserError, match=f"holds a search demo of other {what}"):
        open_search(tmp_path, texts, "sweep=tpe", storage, *overrides)


def test_optuna_keeps_quiet(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Warnings are errors here anyway."""
    caplog.set_level(logging.DEBUG)
    for sweep in (*SEARCHES, "multi_objective"):
        search = open_search(tmp_path / sweep, CONDITIONAL, f"sweep={sweep}", "sweep.num_trials=8")
        all_of(search, num_objectives=2 if sweep == "multi_objective" else 1)
    printed = capfd.readouterr()
    assert not printed.out + printed.err + caplog.text


def test_neither_optuna_nor_torch_is_imported_before_a_search() -> None:
    code = "import sys, gpt_exp.sweep.search.search, gpt_exp.sweep.space.space; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"optuna", "torch", "lightning", "scipy", "numpy"} & set(result.stdout.split())


def test_a_job_that_failed_and_was_tried_again_counts(tmp_path: Path) -> None:
    """For the sampler; it is still one job of those that were asked for."""
    search = open_search(tmp_path, INTERVALS, "sweep=random", "sweep.num_trials=2")
    first = search.ask()
    assert first is not None
    search.tell(first.number, "failed")
    for _ in range(2):  # Twice does no harm.
        search.tell(first.number, "finished", [0.5])
    values = [trial.values for trial in search._study.get_trials() if trial.state.name == "COMPLETE"]
    assert values == [[0.5]]
    assert search.ask() is not None
    assert search.ask() is None


@pytest.mark.parametrize(
    "overrides, said",
    [
        (["sweep=tpe", "sweep.storage=foo://bar"], "sweep.storage=foo://bar"),
        (["sweep=tpe", "sweep.storage=sqlite:////no/such/folder/x.db"], "sweep.storage=sqlite"),
        (["sweep=tpe", "sweep/pruner=hyperband", "sweep.pruner.reduction_factor=1"], "at least 2"),
    ],
)
def test_what_no_search_can_be_made_of_is_told_in_a_line(tmp_path: Path, overrides, said: str) -> None:
    with pytest.raises(UserError, match=said) as told:
        open_search(tmp_path, INTERVALS, *overrides)
    assert "\n" not in str(told.value)
