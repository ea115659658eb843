"""Figures of gradient cosines: how much each two tasks agree, over a training and step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from gpt_exp.page.figures import PALETTE, layout, over_runs, overlay
from gpt_exp.run.cosines import Pair, Points, means

MEAN, BY_STEP = "Mean gradient cosine", "Gradient cosine by step"
AGAINST, NEITHER, ALONG = PALETTE[6], "#e8ecf2", PALETTE[0]  # Opaque: texts are chosen to stand out.
CELL_HEIGHT, LEAST_HEIGHT = 48, 230  # Pixels.
NOTICED = 0.1  # A cosine that may have full colour; less than that is next to nothing.


def cosine_figures(runs: Sequence[Mapping[Pair, Points]]) -> dict[str, go.Figure]:
    """By heading, of runs that differ in their seed; none where nothing was logged."""
    found = means(runs)
    return {MEAN: heat_map(found), BY_STEP: curves(runs)} if found else {}


def heat_map(cosines: Mapping[Pair, float]) -> go.Figure:
    """Tasks by tasks: blue where they pull along, red where against each other; the diagonal says nothing."""
    names = list(dict.fromkeys(name for pair in cosines for name in pair))
    rows = [[cosines.get((row, column), cosines.get((column, row))) for column in names] for row in names]
    strongest = max(NOTICED, *(abs(value) for value in cosines.values()))
    figure = go.Figure(layout=layout(legend=False, x=None))
    figure.add_heatmap(
        x=names,
        y=names,
        z=rows,
        zmin=-strongest,
        zmax=strongest,
        colorscale=[[0, AGAINST], [0.5, NEITHER], [1, ALONG]],
        texttemplate="%{z:.3f}",
        hovertemplate="%{y} and %{x}: %{z:.4f}<extra></extra>",
        hoverongaps=False,
        xgap=3,
        ygap=3,
        colorbar={"thickness": 12, "outlinewidth": 0},
    )
    hidden = {"showgrid": False, "type": "category", "fixedrange": True, "ticks": ""}
    figure.update_layout(hovermode="closest", height=max(LEAST_HEIGHT, CELL_HEIGHT * len(names)))
    figure.update_xaxes(**hidden)
    figure.update_yaxes(**hidden, autorange="reversed")
    return figure


def curves(runs: Sequence[Mapping[Pair, Points]]) -> go.Figure:
    """A line for each pair; seeds are a line of means with its spread."""
    pairs = dict.fromkeys(pair for run in runs for pair in run)
    lines = [over_runs("/".join(pair), [run.get(pair, []) for run in runs]) for pair in pairs]
    return overlay(lines, y="cosine")
