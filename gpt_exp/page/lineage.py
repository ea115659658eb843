"""The stages around a run: what came from what, as a figure and in rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go

from gpt_exp.page import numbers
from gpt_exp.page.figures import PALETTE, layout
from gpt_exp.page.links import to_reports
from gpt_exp.page.table import Cell, Row, number
from gpt_exp.run.folder import RunFolder
from gpt_exp.stages.index import Index
from gpt_exp.stages.lineage import chain
from gpt_exp.stages.table import StageRow, edges, stage_rows

COLUMNS = ("stage", "from", "state", "time", "metric", "best", "key")
ROW_HEIGHT, LEAST_HEIGHT = 90, 150  # Pixels of a figure with stages side by side.


def lineage_rows(run: RunFolder) -> list[StageRow]:
    """All stages of the run's experiment where its index names the run, else those it came from; or none."""
    if not run.lineage.is_file():
        return []
    index = Index(run.path.absolute().parent)
    together = [index.run(entry) for entry in index.entries()]
    is_named = run.path.resolve() in {each.path.resolve() for each in together}
    return stage_rows(chain(together if is_named else [run]))


def lineage_table(rows: Sequence[StageRow], run: RunFolder) -> list[Row]:
    """A row a stage; names lead to the other stages' reports."""
    link = to_reports(run.path.absolute())
    return [
        Row(
            row.lineage.key,
            [
                Cell(
                    row.lineage.stage,
                    row.lineage.stage,
                    link=None if _is(row, run) else link(_absolute(row.run)),
                ),
                Cell(row.parents),
                Cell(row.state, state=True),
                number(row.seconds, numbers.duration),
                Cell(row.lineage.metric),
                number(row.value),
                Cell(row.key),
            ],
        )
        for row in rows
    ]


def lineage_figure(rows: Sequence[StageRow], run: RunFolder) -> go.Figure:
    """Stages from left to right, each behind all that it came from; this run's own is filled."""
    pairs = edges(list(rows))
    places = positions(len(rows), pairs)
    tallest = max(Counter(x for x, _ in places).values())
    figure = go.Figure(layout=layout(legend=False, x=None))
    figure.update_layout(height=max(LEAST_HEIGHT, ROW_HEIGHT * tallest), hovermode="closest")
    hidden: dict[str, Any] = {"showgrid": False, "showticklabels": False, "fixedrange": True}
    figure.update_xaxes(**hidden, range=[-0.5, max(x for x, _ in places) + 0.5])
    figure.update_yaxes(**hidden, range=[-tallest + 0.3, 0.5])
    for above, below in pairs:
        (x0, y0), (x1, y1) = places[above], places[below]
        figure.add_annotation(
            x=x1, y=y1, ax=x0, ay=y0, xref="x", yref="y", axref="x", ayref="y",
            text="", arrowhead=2, arrowcolor=PALETTE[9], standoff=14, startstandoff=12,
        )  # fmt: skip
    figure.add_scatter(
        x=[x for x, _ in places],
        y=[y for _, y in places],
        mode="markers+text",
        text=[f"{escape(row.lineage.stage)}{_value(row)}" for row in rows],
        textposition="bottom center",
        hovertext=[f"{escape(row.lineage.stage)} {row.key}: {row.state}" for row in rows],
        hoverinfo="text",
        cliponaxis=False,
        marker={
            "size": 20,
            "color": [PALETTE[0] if _is(row, run) else "rgba(59,130,246,.25)" for row in rows],
            "line": {"color": PALETTE[0], "width": 2},
        },
    )
    return figure


def positions(count: int, pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """(x, y) of each stage: x one behind the last that it came from, y downwards within equal x."""
    depths: list[int] = []
    for number_ in range(count):  # Parents stand before their children.
        depths.append(max((depths[above] + 1 for above, below in pairs if below == number_), default=0))
    seen: Counter[int] = Counter()
    places = []
    for depth in depths:
        places.append((depth, -seen[depth]))
        seen[depth] += 1
    return places


def _value(row: StageRow) -> str:
    return "" if row.value is None else f"<br>{escape(row.lineage.metric)} {numbers.rounded(row.value)}"


def _is(row: StageRow, run: RunFolder) -> bool:
    return row.run.path.resolve() == run.path.resolve()


def _absolute(run: RunFolder) -> RunFolder:
    return RunFolder(run.path.absolute())
