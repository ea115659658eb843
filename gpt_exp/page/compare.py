"""Runs side by side on one page: only what sets them apart, and what they reached."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from gpt_exp.page import comparison, differences
from gpt_exp.page.comparison import Compared
from gpt_exp.page.figures import PALETTE, Curve, overlay, points, to_json
from gpt_exp.page.links import Link
from gpt_exp.page.render import SCRIPT, render
from gpt_exp.run.folder import RunFolder, read_json

TEMPLATE = "compare.html.j2"
NUM_WIDE = 2  # Figures that have the whole width, and the runs' names in them.
SPEED = "speed/tokens_per_second"


def compare_page(
    folders: Sequence[RunFolder], *, script: str = SCRIPT, live: int | None = None, link: Link | None = None
) -> str:
    """The page; `link` gives the address of a run's own page where there is one."""
    return render(TEMPLATE, **contents(comparison.read(folders), link), script=script, live=live)


def contents(runs: Sequence[Compared], link: Link | None = None) -> dict[str, Any]:
    """What the template is given besides `script` and `live`."""
    return {
        "title": " and ".join(run.name for run in runs) if len(runs) == 2 else f"{len(runs)} runs compared",
        "runs": [_head(run, PALETTE[i % len(PALETTE)], link) for i, run in enumerate(runs)],
        "config": differences.config_differences(runs),
        "code": differences.code_differences(runs) + differences.environment_differences(runs),
        "results": comparison.results(runs),
        "samples": comparison.samples(runs),
        "figures": {heading: to_json(figure) for heading, figure in figures(runs).items()},
        "num_wide": NUM_WIDE,
    }


def figures(runs: Sequence[Compared]) -> dict[str, go.Figure]:
    """Every metric that two runs share, by step; the validation loss also by what it cost."""
    by_step = {metric: _curves(runs, metric) for metric in comparison.shared_metrics(runs)}
    by_step["tokens per second"] = [Curve(run.name, points(run.speed, SPEED)) for run in runs]
    drawn = {metric: overlay(curves) for metric, curves in by_step.items()}
    wide = dict(list(drawn.items())[:NUM_WIDE])
    by_cost = {"val/loss by training time": overlay(_by(runs, "val/loss", _minutes), x="minutes")}
    if (
        len({tokens / step for run in runs for step, tokens in _tokens(run)[-1:] if step}) > 1
    ):  # Else it looks alike.
        by_cost["val/loss by tokens"] = overlay(_by(runs, "val/loss", _tokens), x="tokens")
    small = by_cost | {metric: figure for metric, figure in drawn.items() if metric not in wide}
    for figure in small.values():
        figure.update_layout(showlegend=False)
    return {heading: figure for heading, figure in (wide | small).items() if figure.data}


def _curves(runs: Sequence[Compared], metric: str) -> list[Curve]:
    return [Curve(run.name, points(run.metrics, metric)) for run in runs]


def _by(
    runs: Sequence[Compared], metric: str, cost: Callable[[Compared], list[tuple[float, float]]]
) -> list[Curve]:
    """Curves by what a step had cost so far, as far as that was logged."""
    curves = []
    for run in runs:
        spent = cost(run)
        steps = [step for step, _ in spent]
        found = [(bisect_right(steps, step) - 1, value) for step, value in points(run.metrics, metric)]
        curves.append(Curve(run.name, [(spent[i][1], value) for i, value in found if i >= 0]))
    return curves


def _tokens(run: Compared) -> list[tuple[float, float]]:
    return points(run.metrics, "tokens")


def _minutes(run: Compared) -> list[tuple[float, float]]:
    return [(step, seconds / 60) for step, seconds in points(run.speed, "speed/elapsed_seconds")]


def _head(run: Compared, color: str, link: Link | None) -> Mapping[str, Any]:
    status = run.folder.status()
    return {
        "name": run.name,
        "color": color,
        "link": link(run.folder) if link else None,
        "path": str(run.folder.path),
        "state": run.folder.state(),
        "reason": status.get("reason"),
        "started": read_json(run.folder.environment).get("created"),
    }
