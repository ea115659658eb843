"""A study of interference on one page: what the other tasks did to each, and how their gradients agree."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from gpt_exp.interference.findings import Findings, Row
from gpt_exp.interference.run import Run
from gpt_exp.interference.study import Group
from gpt_exp.interference.terminal import judged_on, ratio, told
from gpt_exp.page.cosines import cosine_figures
from gpt_exp.page.figures import Curve, over_runs, overlay, points, to_json
from gpt_exp.page.links import Link, to_reports
from gpt_exp.page.numbers import several
from gpt_exp.page.render import write_page
from gpt_exp.page.table import Cell, number
from gpt_exp.page.table import Row as TableRow
from gpt_exp.run.cosines import means

TEMPLATE = "interference.html.j2"


def write_interference_page(findings: Findings, path: Path) -> Path:
    """Write the page, and Plotly's script beside it; returns its path."""
    cache = findings.study.runs[0].folder.cache()
    return write_page(path, cache, TEMPLATE, **contents(findings, to_reports(path.absolute().parent)))


def contents(findings: Findings, link: Link) -> dict[str, Any]:
    """What the template is given."""
    is_several = len(findings.settings) > 1
    curves = {
        f"Validation loss of {task}": loss_curves(findings.study.groups, task)
        for task in dict.fromkeys(task for group in findings.study.groups for task in group.tasks)
    }
    return {
        "title": "Each task alone and together",
        "tasks": ", ".join(findings.study.groups[0].tasks),
        "facts": facts(findings),
        "remarks": findings.remarks,
        "columns": ["setting"] * is_several + COLUMNS,
        "rows": rows(findings),
        "cosines": _json(cosines(findings)),
        "losses": _json({heading: figure for heading, figure in curves.items() if figure.data}),
        "run_columns": ["run", "trained on", "seed", *["setting"] * is_several, "steps"],
        "runs": run_rows(findings, link),
    }


COLUMNS = ["task", "judged by", "alone", "together", "ratio", "examples alone", "examples together", "steps"]


def _json(figures: dict[str, go.Figure]) -> dict[str, str]:
    return {heading: to_json(figure) for heading, figure in figures.items()}


def facts(findings: Findings) -> list[tuple[str, str, str]]:
    """The headline: the mean ratio of each setting, who lost and won most, whose gradients agree least."""
    found = [
        (ratio(mean), "mean ratio", setting or several(len(findings.study.groups[0].tasks), "task"))
        for setting in findings.settings
        if (mean := findings.mean_ratio(setting)) is not None
    ]
    ratios = [(value, row) for row in findings.rows if (value := row.ratio) is not None]
    known = sorted(ratios, key=lambda pair: pair[0])
    if len(known) > 1:
        (least, loser), (most, winner) = known[0], known[-1]
        found.append((ratio(least), "lowest ratio", _of(loser.task, loser.setting)))
        found.append((ratio(most), "highest ratio", _of(winner.task, winner.setting)))
    pulls = {
        (setting, pair): cosine
        for setting, runs in findings.cosines.items()
        for pair, cosine in means(runs).items()
    }
    if pulls:
        (setting, pair), cosine = min(pulls.items(), key=lambda item: item[1])
        found.append((f"{cosine:+.3f}", "lowest mean cosine", _of(" and ".join(pair), setting)))
    return found


def _of(what: str, setting: str) -> str:
    return f"{what}, {setting}" if setting else what


def rows(findings: Findings) -> list[TableRow]:
    """A row a task, and behind those of each setting their mean ratio."""
    is_several, found = len(findings.settings) > 1, []
    for setting in findings.settings:
        own = [Cell(setting, setting)] * is_several
        shown = [row for row in findings.rows if row.setting == setting]
        found += [TableRow(f"{setting} {row.task}", [*own, *_cells(row)]) for row in shown]
        mean = number(findings.mean_ratio(setting), ratio)
        found.append(
            TableRow(f"{setting} mean", [*own, Cell("mean"), *[Cell("")] * 3, mean, *[Cell("")] * 3])
        )
    return found


def _cells(row: Row) -> list[Cell]:
    return [
        Cell(row.task, row.task),
        Cell(row.metric, remark=judged_on(row)),
        number(row.alone.mean, lambda _: told(row.alone)),
        number(row.together.mean, lambda _: told(row.together)),
        number(row.ratio, ratio),
        number(row.examples_alone),
        number(row.examples_together),
        number(row.steps_together),
    ]


def loss_curves(groups: Sequence[Group], task: str) -> go.Figure:
    """A task's validation loss alone, dashed, and together; seeds are a line of means with its spread."""
    alone = {tuple(run.name for run in group.alone.get(task, [])): group for group in groups}
    labels = [""] if len(alone) == 1 else [group.label for group in alone.values()]  # All have the same runs.
    curves = [
        _losses(f"alone {label}", group.alone.get(task, []), task, dash="dash")
        for label, group in zip(labels, alone.values(), strict=True)
    ]
    return overlay([*curves, *(_losses(f"together {each.label}", each.together, task) for each in groups)])


def _losses(name: str, runs: Sequence[Run], task: str, *, dash: str | None = None) -> Curve:
    return over_runs(name.strip(), [points(run.metrics, f"val/{task}/loss") for run in runs], dash=dash)


def cosines(findings: Findings) -> dict[str, go.Figure]:
    """By heading, which names the setting where there are several."""
    return {
        _of(heading, setting): figure
        for setting, runs in findings.cosines.items()
        for heading, figure in cosine_figures(runs).items()
    }


def run_rows(findings: Findings, link: Link) -> list[TableRow]:
    """Every run once, with its own page; one alone may stand beside several settings."""
    labels: dict[str, list[str]] = {}
    for group in findings.study.groups:
        for run in group.runs:
            labels.setdefault(run.name, []).append(group.label)
    return [TableRow(run.name, _run_cells(run, labels[run.name], link)) for run in findings.study.runs]


def _run_cells(run: Run, labels: list[str], link: Link) -> list[Cell]:
    return [
        Cell(run.name, run.name, link=link(run.folder)),
        Cell(run.only or "all tasks"),
        number(run.seed, str) if isinstance(run.seed, int) else Cell(str(run.seed)),
        *([Cell("; ".join(labels))] if any(labels) else []),
        number(run.step),
    ]
