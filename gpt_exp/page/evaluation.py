"""A model's answers on one page: figures with intervals, scores, and examples from the worst to the best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from gpt_exp.errors import UserError
from gpt_exp.page import intervals, numbers
from gpt_exp.page.figures import PALETTE, layout, to_json
from gpt_exp.page.judged import Evaluated, Example, read_examples, read_summary, told_how
from gpt_exp.page.links import called
from gpt_exp.page.marked import Compared, Folded, compared, plain
from gpt_exp.page.render import SCRIPT, render, write_page
from gpt_exp.run.folder import RunFolder

FILE = "evaluation.html"
TEMPLATE = "evaluation.html.j2"
NUM_BINS = 30
MAX_DISTINCT = 12  # So few different scores have a bar each.


class Shown(NamedTuple):
    """An example as the page has it."""

    number: int  # From 1.
    score: str
    input: Folded | None
    answer: Compared


class Section(NamedTuple):
    """A split."""

    name: str
    remark: str
    scores: str  # The histogram, as JSON.
    without: str  # How many scores it leaves out.
    examples: dict[str, list[Shown]]


def evaluation_page(
    folder: Path, *, report: str | None = None, script: str = SCRIPT, live: int | None = None
) -> str:
    """The page of a folder with predictions; `report` is the address of its run's page where there is one."""
    return render(TEMPLATE, **_contents(folder, report), script=script, live=live)


def write_evaluation(folder: Path) -> Path:
    """Write evaluation.html from a folder's predictions, and Plotly's script beside it; returns the page.

    Raises UserError where there are none, and where they are damaged.
    """
    run = RunFolder(folder)
    is_run = run.config_file.is_file()
    contents = _contents(folder, run.report.name if is_run else None)
    return write_page(folder / FILE, run.cache() if is_run else None, TEMPLATE, **contents)


def _contents(folder: Path, report: str | None) -> dict[str, Any]:
    splits = read_summary(folder)
    if not splits:
        raise UserError(f"{folder} has no predictions: gpt-exp evaluate run={folder} first")
    name, time = called(folder.absolute())
    return {
        "title": f"{name} {time}: answers",
        "name": name,
        "time": time,
        "report": report,
        "headline": intervals.headline(splits),
        "rows": intervals.rows(splits),
        "sections": [_section(folder, split) for split in splits],
    }


def _section(folder: Path, split: Evaluated) -> Section:
    scores, examples = read_examples(folder, split)
    finite = [score for score in scores if math.isfinite(score)]
    without = len(scores) - len(finite)
    return Section(
        split.split,
        ", ".join([numbers.several(len(scores), "prediction"), *told_how(split.how)]),
        to_json(histogram(finite)),
        f"{numbers.several(without, 'score')} left out: not finite" if without else "",
        {title: [_shown(example) for example in some] for title, some in examples.items() if some},
    )


def _shown(example: Example) -> Shown:
    seen = None if example.input is None else plain(example.input)
    answer = compared(example.output, example.reference)
    return Shown(example.number + 1, numbers.rounded(example.score), seen, answer)


def histogram(scores: Sequence[float]) -> go.Figure:
    """How many predictions have which score; a bar for each score where there are few different ones."""
    figure = go.Figure(layout=layout(legend=False, x="score of one prediction", y="predictions"))
    if not scores:
        return figure
    values, counts = np.unique(scores, return_counts=True)
    if len(values) <= MAX_DISTINCT:
        places: Any = [numbers.rounded(value) for value in values]
        figure.update_xaxes(type="category")
        told = places
    else:
        counts, edges = np.histogram(scores, bins=NUM_BINS)
        places = (edges[:-1] + edges[1:]) / 2
        told = [f"{numbers.rounded(a)} to {numbers.rounded(b)}" for a, b in pairwise(edges)]
    figure.add_bar(x=places, y=counts, text=told, textposition="none", marker={"color": PALETTE[0]})
    figure.update_traces(hovertemplate="%{text}: %{y}<extra></extra>")
    figure.update_layout(hovermode="closest", bargap=0.06)
    return figure
