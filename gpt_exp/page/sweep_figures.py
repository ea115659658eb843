"""The figures of a sweep: curves over each other, seeds as bands, and what each parameter did."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import log10
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from gpt_exp.page.figures import PALETTE, layout, over_runs, overlay, points
from gpt_exp.sweep.console.board import short
from gpt_exp.sweep.leaderboard import Leaderboard, Row
from gpt_exp.sweep.search.study import quiet
from gpt_exp.sweep.search.trials import WIDE, study
from gpt_exp.sweep.seeds import SEED, Value, over_seeds

if TYPE_CHECKING:
    from optuna import Study

MAX_CURVES = 50  # The best ones; jobs that differ in their seed are one.
MIN_FOR_IMPORTANCE = 6  # Finished jobs.
PARALLEL = "Every job's way"
MAX_TICKS = 6  # Values of an axis that stand at equal distances.


def sweep_figures(board: Leaderboard) -> dict[str, go.Figure]:
    """By heading, as far as there is something to show; the curves come first."""
    first = board.objectives[0].metric
    with quiet():
        of_jobs = of_study(study(board), board)
    figures = {first: curves(board, first), PARALLEL: of_jobs.pop(PARALLEL, None)}
    for name in (each for each in ("val/loss", "train/loss") if each != first):
        figures[name] = curves(board, name).update_layout(showlegend=False)
    figures |= of_jobs
    return {heading: figure for heading, figure in figures.items() if figure is not None and figure.data}


def curves(board: Leaderboard, metric: str) -> go.Figure:
    """A metric of the best jobs by step; seeds of one setting are a line of means with its spread."""
    rows, drawn = [row for row in board.rows if row.steps], []
    together = over_seeds(rows) if board.parameters != [SEED] else [[row] for row in rows]
    for same in together[:MAX_CURVES]:
        whole = [row for row in same if row.state == "finished"]  # Another would cut the others' mean off.
        lines = [points(row.metrics, metric) for row in whole or same]
        drawn.append(over_runs(name_of(same[0], board), lines))
    return overlay(drawn, y=metric)


def name_of(row: Row, board: Leaderboard) -> str:
    """What sets the job apart from those with other settings than the seed."""
    given = {key: value for key, value in row.parameters.items() if key != SEED} or row.parameters
    return " ".join(f"{short(key, board.parameters)}={value}" for key, value in given.items())


def of_study(made: Study, board: Leaderboard) -> dict[str, go.Figure | None]:
    """What Optuna draws of the finished jobs, in our style."""
    varied = [
        key for key in board.parameters if len({json.dumps(r.parameters.get(key)) for r in board.rows}) > 1
    ]
    finished = _finished(board)
    if len(finished) < 2 or not varied:
        return {}
    if len(board.objectives) > 1:
        return {"Pareto front": _pareto(made, board)}
    metric = board.objectives[0].metric
    drawn: dict[str, go.Figure | None] = {PARALLEL: _parallel(finished, varied, board)}
    drawn["Importance of each parameter"] = _importance(made, varied, board)
    return drawn | {f"{metric} by {key}": _slice(finished, key, board) for key in varied if key != SEED}


def _finished(board: Leaderboard) -> list[Row]:
    """Those with all of their values."""
    return [row for row in board.rows if row.state == "finished" and row.values is not None]


def _importance(made: Study, varied: Sequence[str], board: Leaderboard) -> go.Figure | None:
    """How much of the differences between jobs each parameter explains (fANOVA)."""
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    done = _finished(board)
    finished = [row.values[0] for row in done if row.values]
    if len(finished) < MIN_FOR_IMPORTANCE or len(set(finished)) == 1 or len(set(varied) - {SEED}) < 2:
        return None
    evaluator = FanovaImportanceEvaluator(seed=0)
    try:
        apart = [key for key in varied if key != SEED and all(key in row.parameters for row in done)]
        found = get_param_importances(made, evaluator=evaluator, params=apart)
    except (ValueError, RuntimeError):  # No parameter that all jobs have.
        return None
    pairs = sorted(found.items(), key=lambda pair: pair[1])
    figure = go.Figure(layout=layout(legend=False, x="share of the variance"))
    figure.add_bar(
        x=[share for _, share in pairs],
        y=[short(key, board.parameters) for key, _ in pairs],
        orientation="h",
        marker={"color": PALETTE[0]},
        text=[f"{share:.0%}" for _, share in pairs],
        hoverinfo="skip",
    )
    figure.update_layout(hovermode=False, yaxis={"showgrid": False, "type": "category"})
    return figure


def _parallel(finished: Sequence[Row], varied: Sequence[str], board: Leaderboard) -> go.Figure:
    """A line a job through all of its parameters to its value; an axis can be brushed."""
    objective = board.objectives[0]
    values = [row.values[0] for row in finished if row.values]
    dimensions = [
        _dimension(short(key, board.parameters), [row.parameters.get(key) for row in finished])
        for key in varied
    ]
    best, worst = PALETTE[0], "rgba(148,163,184,.35)"
    scale = [[0, best], [1, worst]] if objective.mode == "min" else [[0, worst], [1, best]]
    figure = go.Figure(layout=layout(legend=False, x=None))
    line = {"color": values, "colorscale": scale}
    figure.add_parcoords(
        dimensions=[*dimensions, {"label": objective.metric, "values": values}], line=line, labelangle=0
    )
    first = max(
        len(str(row.parameters.get(varied[0]))) for row in finished
    )  # Its words stand left of the axis.
    figure.update_layout(margin={"l": max(70, 7 * first), "r": 60, "t": 46, "b": 20})
    return figure


def _dimension(label: str, given: Sequence[Value | None]) -> dict[str, Any]:
    """An axis: words, and few values, at equal distances; numbers far apart by their logarithm."""
    distinct = sorted({value for value in given if value is not None}, key=lambda v: (isinstance(v, str), v))
    numbers = [value for value in given if isinstance(value, int | float)]
    if len(numbers) < len(given) or len(distinct) <= MAX_TICKS:
        places: dict[Value | None, int] = {value: place for place, value in enumerate(distinct)}
        if None in given:  # Only some jobs have this parameter.
            places[None] = -1
        ticks = {
            "tickvals": list(places.values()),
            "ticktext": ["none" if value is None else str(value) for value in places],
        }
        return {
            "label": label,
            "values": [places[value] for value in given],
            **ticks,
        }
    if min(numbers) > 0 and max(numbers) / min(numbers) > WIDE:
        ends = [min(numbers), (min(numbers) * max(numbers)) ** 0.5, max(numbers)]
        ticks = {"tickvals": [log10(end) for end in ends], "ticktext": [f"{end:.2g}" for end in ends]}
        return {"label": label, "values": [log10(value) for value in numbers], **ticks}
    return {"label": label, "values": numbers}


def _slice(finished: Sequence[Row], key: str, board: Leaderboard) -> go.Figure:
    """Every job's value by one parameter."""
    known = [(row.parameters[key], row) for row in finished if key in row.parameters]
    given = [value for value, _ in known]
    numbers = [value for value in given if not isinstance(value, str)]
    figure = go.Figure(
        layout=layout(legend=False, x=short(key, board.parameters), y=board.objectives[0].metric)
    )
    figure.add_scatter(
        x=given if len(numbers) == len(given) else [str(value) for value in given],
        y=[row.values[0] for _, row in known if row.values],
        mode="markers",
        marker={"color": PALETTE[0], "size": 9, "opacity": 0.75},
        text=[
            f"job {row.job:04d} {' '.join(f'{k}={v}' for k, v in row.parameters.items())}" for _, row in known
        ],
        hovertemplate="%{text}<br>%{y:.4g}<extra></extra>",
    )
    if len(numbers) < len(given) or len(set(given)) <= 4:
        ordered = [str(value) for value in sorted(set(given), key=lambda v: (isinstance(v, str), v))]
        figure.update_xaxes(type="category", categoryorder="array", categoryarray=ordered)
    elif min(numbers) > 0 and max(numbers) / min(numbers) > WIDE:
        figure.update_xaxes(type="log")
    figure.update_layout(hovermode="closest")
    return figure


def _pareto(made: Study, board: Leaderboard) -> go.Figure | None:
    from optuna.visualization import plot_pareto_front

    names = [objective.metric for objective in board.objectives]
    if len(names) > 3:
        return None
    figure = plot_pareto_front(made, target_names=names)
    figure.update_layout(layout(legend=True, x=names[0], y=names[1]), title=None, hovermode="closest")
    return figure
