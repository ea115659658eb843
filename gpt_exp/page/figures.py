"""Figures that look alike: curves by step, overlaid, with bands."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import mean
from typing import Any, NamedTuple

import plotly.graph_objects as go

from gpt_exp.run.lines import thin

MAX_POINTS = 2000  # Of a curve: more can't be told apart on a screen.
MAX_OVERLAID_POINTS = 20_000  # Of all curves of a figure together.
MAX_IN_LEGEND = 12
MAX_UNIFIED = 6  # Curves whose values one label can show together.
BEGINNING = 0.1  # Of a training: its steep descent would press all that follows into a corner.
MIN_POINTS_TO_CUT = 20
NAME_LENGTH = 34  # Of a curve in the legend, in characters; the label has the whole name.
PALETTE = (
    "#3b82f6",
    "#f59e0b",
    "#10b981",
    "#e0529c",
    "#8b5cf6",
    "#06b6d4",
    "#ef4444",
    "#84cc16",
    "#a16207",
    "#64748b",
    "#f97316",
    "#0d9488",
)

Points = Sequence[tuple[float, float]]


class Curve(NamedTuple):
    """A line of an overlay; curves of one group have one colour and one place in the legend."""

    name: str
    points: Points
    group: str | None = None
    band: Sequence[tuple[float, float]] | None = None  # (lowest, highest) at each point: mean ± spread.
    dash: str | None = None  # Plotly's: "dash", "dot".


def layout(*, legend: bool, x: str | None = "step", y: str | None = None) -> dict[str, Any]:
    """What all figures share; colours of the text come from the page, which is light or dark."""
    axis = {"gridcolor": "rgba(128,128,128,.18)", "zeroline": False, "automargin": True}
    return {
        "template": "none",
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "xaxis": {**axis, "title": {"text": x, "standoff": 6}},
        "yaxis": {**axis, "exponentformat": "SI", "title": {"text": y, "standoff": 6}},
        "hovermode": "x unified",
        "showlegend": legend,
        "legend": {"x": 1, "y": 1, "xanchor": "right"},
        "colorway": list(PALETTE),
    }


def to_json(figure: go.Figure) -> str:
    """For a script element, which no text inside may end."""
    text = figure.to_json()
    assert text is not None
    return text.replace("<", "\\u003c")


def points(records: Sequence[Mapping[str, Any]], key: str) -> list[tuple[float, float]]:
    """A metric by step."""
    return [(record["step"], record[key]) for record in records if key in record]


def over_runs(name: str, lines: Sequence[Points], *, dash: str | None = None) -> Curve:
    """One run's line as it is; several as the mean, from the lowest to the highest, where all have values."""
    lines = [line for line in lines if line]
    if len(lines) < 2:
        return Curve(name, lines[0] if lines else [], dash=dash)
    by_step = [dict(line) for line in lines]
    steps = [step for step, _ in lines[0] if all(step in line for line in by_step)]
    values = [[line[step] for line in by_step] for step in steps]
    means = [(step, mean(each)) for step, each in zip(steps, values, strict=True)]
    bands = [(min(each), max(each)) for each in values]
    return Curve(f"{name} ({len(lines)} seeds)", means, group=name, band=bands, dash=dash)


def overlay(curves: Sequence[Curve], *, x: str = "step", y: str | None = None) -> go.Figure:
    """Curves on top of each other, readable with 1 to 50: many are thin, and named where the mouse is.

    Colours go by the place in `curves`, also of those without points: figures of the same runs agree.
    """
    groups = list(dict.fromkeys(_group(curve) for curve in curves))
    legend = 1 < len(groups) <= MAX_IN_LEGEND
    figure = go.Figure(layout=layout(legend=legend, x=x, y=y))
    names = dict(zip(groups, shortened(distinct(groups)), strict=True))
    colors = {group: PALETTE[i % len(PALETTE)] for i, group in enumerate(groups)}
    curves = [curve for curve in curves if curve.points]
    unnamed = set(groups)
    for curve in curves:
        group = _group(curve)
        figure.add_traces(
            list(_traces(curve, names[group], colors[group], len(curves), named=group in unnamed))
        )
        unnamed.discard(group)
    if len(curves) > MAX_UNIFIED:
        figure.update_layout(hovermode="closest")
    if (frame := _frame(curves)) is not None:
        figure.update_layout(
            yaxis={"range": frame}, xaxis={"title": {"text": f"{x} (double-click: from the start)"}}
        )
    if legend and sum(len(name) + 8 for name in names.values()) > NAME_LENGTH * 2:
        figure.update_layout(
            legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"}
        )
    return figure


def _frame(curves: Sequence[Curve]) -> tuple[float, float] | None:
    """The range of y that leaves a steep beginning out; None where that gains little."""
    lines = [thin(curve.points, MAX_POINTS) for curve in curves]
    lines += [
        [(x, y) for (x, _), ys in zip(c.points, c.band, strict=True) for y in ys] for c in curves if c.band
    ]
    every = [(x, y) for line in lines for x, y in line if math.isfinite(y)]
    if max(map(len, lines), default=0) < MIN_POINTS_TO_CUT or not every:
        return None
    first, last = min(x for x, _ in every), max(x for x, _ in every)
    later = [y for x, y in every if x >= first + BEGINNING * (last - first)]
    low, high = min(later), max(later)
    if max(y for _, y in every) - min(y for _, y in every) < 1.5 * (high - low) or low == high:
        return None
    return low - 0.06 * (high - low), high + 0.06 * (high - low)


def _group(curve: Curve) -> str:
    return curve.name if curve.group is None else curve.group


def _traces(curve: Curve, name: str, color: str, among: int, *, named: bool) -> Iterator[go.Scatter]:
    """The line, before it its band where it has one."""
    kept = thin(range(len(curve.points)), max(50, MAX_OVERLAID_POINTS // among))
    x, y = zip(*(curve.points[i] for i in kept), strict=True)
    if curve.band is not None:
        low, high = zip(*(curve.band[i] for i in kept), strict=True)
        yield go.Scatter(
            x=[*x, *reversed(x)],
            y=[*high, *reversed(low)],
            fill="toself",
            fillcolor=color,
            line={"width": 0},
            opacity=0.18,
            hoverinfo="skip",
            legendgroup=_group(curve),
            showlegend=False,
        )
    yield go.Scatter(
        x=x,
        y=y,
        name=name,
        legendgroup=_group(curve),
        showlegend=named,
        mode="lines+markers" if len(x) <= 12 else "lines",
        line={"color": color, "width": 2 if among <= 4 else 1.4, "dash": curve.dash},
        marker={"size": 5},
        opacity=1 if among <= MAX_IN_LEGEND else 0.7,
        meta=curve.name,  # Shown as it is; the template of the label would read markup.
        hovertemplate="%{meta}: %{y:.4g}<extra></extra>",
    )


def distinct(names: Sequence[str]) -> list[str]:
    """Names of words, without the words that all of them have: only "lr=0.1" of "seed=1 lr=0.1"."""
    words = [name.split() for name in names]
    common = set.intersection(*map(set, words)) if len(names) > 1 else set()
    return [
        " ".join(word for word in each if word not in common) or name
        for each, name in zip(words, names, strict=True)
    ]


def shortened(names: Sequence[str], length: int = NAME_LENGTH) -> list[str]:
    """Names with a gap where they are long, at a place that leaves them distinct."""
    for head in (length // 2, length - 1, 0):
        short = [_with_gap(name, head, length) for name in names]
        if len(set(short)) == len(set(names)):
            return short
    return [f"{i}: {_with_gap(name, length // 2, length)}" for i, name in enumerate(names, 1)]


def _with_gap(name: str, head: int, length: int) -> str:
    tail = length - 1 - head
    return name if len(name) <= length else f"{name[:head]}…{name[len(name) - tail :]}"
