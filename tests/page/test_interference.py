"""A study of interference on a page: rows, headline and curves, from runs of known figures."""

import pytest

from gpt_exp.interference.findings import analyse
from gpt_exp.interference.run import Figure, Run
from gpt_exp.interference.study import paired
from gpt_exp.page.interference import contents, loss_curves
from gpt_exp.run.folder import RunFolder

TASKS = ("a", "b")


def run(name, value, *, only=None, seed=1, balance="fixed", cosine=None):
    losses = {f"val/{task}/loss": value for task in TASKS}
    cosines = {} if cosine is None else {"train/cosine/a/b": cosine}
    return Run(
        folder=RunFolder(name),
        name=name,
        tasks=TASKS,
        only=only,
        seed=seed,
        setting={},
        balance={"balance._target_": f"gpt_exp.balance.{balance}.Some"},
        figures={task: Figure("accuracy", "test", value, True) for task in TASKS},
        metrics=[{"step": 1, **losses, **cosines}, {"step": 2, **{k: v / 2 for k, v in losses.items()}}],
        step=2,
    )


@pytest.fixture
def findings():
    """Two seeds of two settings; `a` reaches 0.5 alone, `b` 0.8."""
    runs = [
        run(f"{task}{seed}", 0.5 if task == "a" else 0.8, only=task, seed=seed)
        for task in TASKS
        for seed in (1, 2)
    ]
    for seed in (1, 2):
        runs.append(run(f"fixed{seed}", 0.4, seed=seed, cosine=-0.5 * seed))
        runs.append(run(f"pc{seed}", 0.6, seed=seed, balance="pc_grad", cosine=0.25))
    return analyse(paired(runs))


def texts(rows):
    return [[cell.text for cell in row.cells] for row in rows]


def test_a_row_for_each_task_and_a_mean_for_each_setting(findings):
    shown = contents(findings, lambda run: None)
    fixed, pc_grad = "balance=fixed", "balance=pc_grad"
    assert [row[:2] + row[3:6] for row in texts(shown["rows"])] == [
        [fixed, "a", "0.5 ± 0", "0.4 ± 0", "0.800"],
        [fixed, "b", "0.8 ± 0", "0.4 ± 0", "0.500"],
        [fixed, "mean", "", "", "0.650"],
        [pc_grad, "a", "0.5 ± 0", "0.6 ± 0", "1.200"],
        [pc_grad, "b", "0.8 ± 0", "0.6 ± 0", "0.750"],
        [pc_grad, "mean", "", "", "0.975"],
    ]
    assert all(len(row.cells) == len(shown["columns"]) for row in shown["rows"])
    assert all(len(row.cells) == len(shown["run_columns"]) for row in shown["runs"])
    assert texts(shown["runs"])[2][:4] == ["a1", "a", "1", f"{fixed}; {pc_grad}"]


def test_the_headline_names_who_lost_and_who_won(findings):
    assert contents(findings, lambda run: None)["facts"] == [
        ("0.650", "mean ratio", "balance=fixed"),
        ("0.975", "mean ratio", "balance=pc_grad"),
        ("0.500", "lowest ratio", "b, balance=fixed"),
        ("1.200", "highest ratio", "a, balance=pc_grad"),
        ("-0.750", "lowest mean cosine", "a and b, balance=fixed"),
    ]


def test_losses_alone_are_dashed_and_drawn_once_where_all_settings_share_them(findings):
    lines = [trace for trace in loss_curves(findings.study.groups, "a").data if trace.mode]
    assert [(line.meta, line.line.dash, list(line.y)) for line in lines] == [
        ("alone (2 seeds)", "dash", [0.5, 0.25]),
        ("together balance=fixed (2 seeds)", None, [0.4, 0.2]),
        ("together balance=pc_grad (2 seeds)", None, [0.6, 0.3]),
    ]


def test_each_setting_has_its_own_cosines(findings):
    headings = list(contents(findings, lambda run: None)["cosines"])
    assert len(headings) == 4 and sum("balance=pc_grad" in heading for heading in headings) == 2
