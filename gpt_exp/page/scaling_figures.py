"""The figures of a scaling study: the law along each of its axes and at equal compute; how it predicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from gpt_exp.page.figures import PALETTE, layout
from gpt_exp.page.numbers import count
from gpt_exp.scaling.findings import Findings, Prediction

NUM_POINTS = 80  # Of a drawn law.
NUM_BUDGETS = 5  # Curves of equal compute.
FITTED, HELD_OUT = PALETTE[0], PALETTE[6]


def figures(findings: Findings) -> dict[str, go.Figure]:
    """The law through the runs along each of its axes, along equal compute, and against what was measured."""
    return {
        "Loss by tokens: a curve a size": by_tokens(findings),
        "Loss by parameters: a curve a budget of tokens": by_parameters(findings),
        "Predicted against measured loss": predicted_against_measured(findings),
        "Loss by parameters at equal compute": equal_compute(findings),
        "Best size by compute": frontier(findings),
    }


def predicted_against_measured(findings: Findings) -> go.Figure:
    figure = _figure(x="measured loss (nats per token)", y="predicted loss")
    losses = [value for each in findings.predictions for value in (each.run.loss, each.loss)]
    ends = [min(losses), max(losses)]
    figure.add_scatter(
        x=ends, y=ends, mode="lines", line={"color": "grey", "dash": "dot", "width": 1}, hoverinfo="skip"
    )
    figure.data[-1].showlegend = False
    for name, color, held_out in (("fitted", FITTED, False), ("held out", HELD_OUT, True)):
        shown = [each for each in findings.predictions if each.is_held_out == held_out]
        if shown:
            figure.add_scatter(
                x=[each.run.loss for each in shown],
                y=[each.loss for each in shown],
                error_y=_bars(shown) if held_out else None,
                text=[each.run.name for each in shown],
                name=name,
                mode="markers",
                marker={"color": color, "size": 12 if held_out else 8, "symbol": _symbol(held_out)},
                hovertemplate="%{text}: %{x:.4f} measured, %{y:.4f} predicted<extra></extra>",
            )
    return figure


def _bars(shown: Sequence[Prediction]) -> dict[str, Any]:
    return {
        "type": "data",
        "symmetric": False,
        "array": [each.high - each.loss for each in shown],
        "arrayminus": [each.loss - each.low for each in shown],
        "thickness": 1.4,
        "width": 6,
    }


def by_tokens(findings: Findings) -> go.Figure:
    """Measured runs as points, the law as a line for each size."""
    return _slices(findings, along="D", of="N", x="tokens", unit="parameters")


def by_parameters(findings: Findings) -> go.Figure:
    return _slices(findings, along="N", of="D", x="parameters", unit="tokens")


def _slices(findings: Findings, *, along: str, of: str, x: str, unit: str) -> go.Figure:
    figure = _figure(x=x, y="loss (nats per token)", log_x=True)
    line = _spread([getattr(run, along) for run in findings.study.runs])
    for index, value in enumerate(sorted({getattr(run, of) for run in findings.study.runs})):
        shown = [each for each in findings.predictions if getattr(each.run, of) == value]
        new = all(each.is_held_out for each in shown)
        style = {"color": PALETTE[index % len(PALETTE)], "dash": "dash" if new else "solid", "width": 1.6}
        name = f"{count(value)} {unit}"
        loss = findings.law.loss(**{along: line, of: value})
        figure.add_scatter(
            x=line, y=loss, mode="lines", line=style, name=name, legendgroup=name, hoverinfo="skip"
        )
        figure.add_scatter(
            x=[getattr(each.run, along) for each in shown],
            y=[each.run.loss for each in shown],
            text=[f"{each.run.name}{', held out' * each.is_held_out}" for each in shown],
            mode="markers",
            marker={
                "color": style["color"],
                "size": [12 if each.is_held_out else 8 for each in shown],
                "symbol": [_symbol(each.is_held_out) for each in shown],
            },
            legendgroup=name,
            showlegend=False,
            hovertemplate="%{text}: %{y:.4f}<extra></extra>",
        )
    return figure


def equal_compute(findings: Findings) -> go.Figure:
    """The law at budgets 6 N D, from the smallest run's to the largest asked about; optima joined."""
    figure = _figure(x="parameters", y="loss (nats per token)", log_x=True)
    spent = [run.flops for run in findings.study.runs]
    asked = [each.flops for each in findings.recommendations]
    budgets = np.geomspace(min(spent), max(spent + asked), NUM_BUDGETS)
    for index, flops in enumerate(budgets):
        best, _ = findings.law.optimal(flops)
        sizes = best * np.geomspace(1 / 12, 12, NUM_POINTS)
        figure.add_scatter(
            x=sizes,
            y=findings.law.loss(sizes, flops / (6 * sizes)),
            name=f"{flops:.1e} FLOPs",
            mode="lines",
            line={"color": PALETTE[index], "width": 1.6},
            hovertemplate="%{x:.3s} parameters: %{y:.4f}<extra></extra>",
        )
    sizes, tokens = findings.law.optimal(budgets)
    figure.add_scatter(
        x=sizes,
        y=findings.law.loss(sizes, tokens),
        name="best size",
        mode="lines+markers",
        line={"color": "grey", "dash": "dot", "width": 1},
        hovertemplate="%{x:.3s} parameters: %{y:.4f}<extra></extra>",
    )
    return figure


def frontier(findings: Findings) -> go.Figure:
    """The best number of parameters by compute with its bootstrap band, and the runs where they are."""
    figure = _figure(x="FLOPs", y="parameters", log_x=True)
    runs = findings.study.runs
    budgets = np.geomspace(
        min(run.flops for run in runs), max(each.flops for each in findings.recommendations), NUM_POINTS
    )
    sizes = np.array([law.optimal(budgets)[0] for law in findings.fit.laws])
    low, high = np.quantile(sizes, [(1 - findings.level) / 2, (1 + findings.level) / 2], axis=0)
    figure.add_scatter(
        x=[*budgets, *budgets[::-1]],
        y=[*high, *low[::-1]],
        fill="toself",
        fillcolor=FITTED,
        opacity=0.18,
        line={"width": 0},
        hoverinfo="skip",
        name=f"{findings.level:.0%} interval",
    )
    figure.add_scatter(
        x=budgets, y=findings.law.optimal(budgets)[0], mode="lines", line={"color": FITTED}, name="best size"
    )
    figure.add_scatter(
        x=[run.flops for run in runs],
        y=[run.N for run in runs],
        text=[run.name for run in runs],
        mode="markers",
        marker={"color": PALETTE[1], "size": 8},
        name="runs",
        hovertemplate="%{text}: %{x:.2e} FLOPs, %{y:.3s} parameters<extra></extra>",
    )
    figure.update_yaxes(type="log")
    figure.update_xaxes(dtick=1, exponentformat="power")
    return figure


def _figure(*, x: str, y: str, log_x: bool = False) -> go.Figure:
    figure = go.Figure(layout=layout(legend=True, x=x, y=y))
    figure.update_layout(hovermode="closest")
    figure.update_layout(
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"}
    )
    if log_x:
        figure.update_xaxes(type="log", exponentformat="SI", dtick="D2")
    return figure


def _spread(values: Sequence[float]) -> Any:
    """Points from below the smallest to above the largest, evenly on a log axis."""
    return np.geomspace(min(values) / 1.4, max(values) * 1.4, NUM_POINTS)


def _symbol(held_out: bool) -> str:
    return "star" if held_out else "circle"
