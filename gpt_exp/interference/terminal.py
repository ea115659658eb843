"""What a study of interference found, for the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from gpt_exp.interference.findings import Findings, Row, Spread
from gpt_exp.page.numbers import rounded
from gpt_exp.run.cosines import means

NO_COSINES = "no gradient cosines were logged: train with module.cosine_every_n_steps=50"


def show(findings: Findings, console: Console) -> None:
    """A row a task, the mean ratio, the mean cosine of each two tasks, and what to know about the runs."""
    console.print(_rows(findings))
    console.print()
    console.print(_cosines(findings) if any(map(means, findings.cosines.values())) else NO_COSINES)
    for remark in findings.remarks:
        console.print(f"note: {remark}", highlight=False, markup=False, soft_wrap=True)


def told(spread: Spread) -> str:
    """12.3 ± 0.4"""
    return rounded(spread.mean) + ("" if spread.deviation is None else f" ± {spread.deviation:.2g}")


def judged_on(row: Row) -> str:
    return row.split if row.more_is_better else f"{row.split}, less is better"


def ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _rows(findings: Findings) -> Table:
    several = len(findings.settings) > 1
    table = _table(
        *["setting"] * several,
        *("task", "judged by", "alone", "together", "ratio", "examples alone", "together", "steps"),
        texts=2 + several,
    )
    for setting in findings.settings:
        for row in (each for each in findings.rows if each.setting == setting):
            table.add_row(
                *[setting] * several,
                row.task,
                f"{row.metric} ({judged_on(row)})",
                told(row.alone),
                told(row.together),
                ratio(row.ratio),
                _number(row.examples_alone),
                _number(row.examples_together),
                _number(row.steps_together),
            )
        table.add_row(
            *[setting] * several, "mean", "", "", "", ratio(findings.mean_ratio(setting)), style="bold"
        )
    return table


def _cosines(findings: Findings) -> Table:
    several = len(findings.settings) > 1
    table = _table(*["setting"] * several, "tasks", "mean gradient cosine", texts=1 + several)
    for setting, runs in findings.cosines.items():
        for pair, cosine in means(runs).items():
            table.add_row(*[setting] * several, " and ".join(pair), f"{cosine:+.3f}")
    return table


def _number(value: float | None) -> str:
    return "" if value is None else rounded(value)


def _table(*columns: str, texts: int) -> Table:
    """The first columns are words, to the left; the others are numbers."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index < texts else "right")
    return table
