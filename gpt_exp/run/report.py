"""report.html: a run on one page, from its folder alone; it opens offline, also while the run goes on."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from gpt_exp.run import durable, lines
from gpt_exp.run.folder import RunFolder, read_json

MAX_POINTS = 2000  # Of a curve: more can't be told apart on a screen.
SCRIPT = "plotly.min.js"
BLUE, ORANGE, GREEN, GREY = "#3b82f6", "#f59e0b", "#10b981", "#8b95a5"

Records = Sequence[Mapping[str, Any]]


def write_report(path: Path) -> Path:
    """Write a run folder's page, and Plotly's script beside it; returns the page."""
    folder = RunFolder.open(path)
    _place_script(folder)
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )
    page = templates.get_template("report.html.j2").render(**_contents(folder))
    durable.write_file(folder.report, page)
    return folder.report


def _contents(folder: RunFolder) -> dict[str, Any]:
    metrics, speed = lines.read_metrics(folder.metrics), lines.read_metrics(folder.speed)
    results, status = read_json(folder.results), folder.status()
    samples = lines.read(folder.samples)
    environment = read_json(folder.environment)
    return {
        "name": folder.path.absolute().parent.name,
        "time": folder.path.absolute().name,
        "state": status.get("state", "not started"),
        "reason": status.get("reason"),
        "facts": facts(metrics, speed, results),
        "bars": bars(results),
        "figures": {name: _to_json(figure) for name, figure in figures(metrics, speed).items()},
        "samples": [sample for sample in samples if sample["step"] == samples[-1]["step"]],
        "commands": _commands(folder.path),
        "overrides": _text(folder.overrides) or "[]",
        "config": _text(folder.config_file),
        "environment": _environment(environment, read_json(folder.git)),
    }


def facts(metrics: Records, speed: Records, results: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The headline: (value, what it is, a remark), of what is known so far."""
    step = _last(metrics, "step")
    at = "whole validation part" if "val" in results else f"last validation of {_count(step)} steps"
    validation = results.get("val") or {name: _last(metrics, f"val/{name}") for name in _VALIDATION}
    tokens = results.get("num_tokens_seen", _last(metrics, "tokens"))
    seconds = results.get("seconds", _last(speed, "speed/elapsed_seconds"))
    rate = tokens / seconds if tokens and seconds else _last(speed, "speed/tokens_per_second")
    known = [
        (validation.get("bits_per_byte"), "{:.3f}".format, "bits per byte", at),
        (validation.get("loss"), "{:.3f}".format, "validation loss", "nats per token"),
        (validation.get("perplexity"), _round, "perplexity", "per token"),
        (results.get("num_parameters"), _count, "parameters", ""),
        (tokens, _count, "tokens", f"in {_count(step)} steps"),
        (seconds, _duration, "training time", ""),
        (rate, _count, "tokens/s", "while training"),
    ]
    return [(form(value), what, remark) for value, form, what, remark in known if value is not None]


_VALIDATION = ("loss", "perplexity", "bits_per_byte")


def bars(results: Mapping[str, Any]) -> list[tuple[str, str, float]]:
    """Bits per byte of the model and of compressors on the same text: (name, value, width in percent)."""
    validation = results.get("val", {})
    values = {name: validation[name] for name in ("gzip", "xz") if validation.get(name)}
    if not values or not validation.get("bits_per_byte"):
        return []
    values["this model"] = validation["bits_per_byte"]
    longest = max(values.values())
    return [(name, f"{value:.3f}", 100 * value / longest) for name, value in values.items()]


def figures(metrics: Records, speed: Records) -> dict[str, go.Figure]:
    """Curves by step, as far as there is something to show."""
    losses = [("training", "train/loss", BLUE, "lines"), ("validation", "val/loss", ORANGE, "lines+markers")]
    parts: dict[str, tuple[Records, list[tuple[str, str, str, str]]]] = {
        "Loss (nats per token)": (metrics, losses),
        "Learning rate": (metrics, [("learning rate", "lr", GREEN, "lines")]),
        "Gradient norm": (metrics, [("gradient norm", "gradient_norm", GREY, "lines")]),
        "Tokens per second": (speed, [("tokens per second", "speed/tokens_per_second", BLUE, "lines")]),
    }
    drawn = {title: _figure(records, curves) for title, (records, curves) in parts.items()}
    return {title: figure for title, figure in drawn.items() if figure.data}


def _figure(records: Records, curves: list[tuple[str, str, str, str]]) -> go.Figure:
    figure = go.Figure(layout=_layout(legend=len(curves) > 1))
    for name, key, color, mode in curves:
        points = _thin([(record["step"], record[key]) for record in records if record.get(key) is not None])
        if points:
            x, y = zip(*points, strict=True)
            width = 1.3 if mode == "lines" else 2.2
            figure.add_scatter(
                x=x, y=y, name=name, mode=mode, line={"color": color, "width": width}, marker={"size": 6}
            )
    return figure


def _layout(*, legend: bool) -> dict[str, Any]:
    axis = {"gridcolor": "rgba(128,128,128,.18)", "zeroline": False, "automargin": True}
    return {
        "template": "none",
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "xaxis": {**axis, "title": {"text": "step", "standoff": 6}},
        "yaxis": {**axis, "exponentformat": "SI"},
        "hovermode": "x unified",
        "showlegend": legend,
        "legend": {"x": 1, "y": 1, "xanchor": "right"},
    }


def _thin(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Every n-th point, and always the last."""
    stride = -(-len(points) // MAX_POINTS) or 1
    return points[::-1][::stride][::-1]


def _to_json(figure: go.Figure) -> str:
    """For a script element, which no text inside may end."""
    return figure.to_json().replace("<", "\\u003c")


def _place_script(folder: RunFolder) -> None:
    """Plotly's 4.6 MB stand once in the cache; a run folder has a hard link to them where the disk can."""
    here = folder.path / SCRIPT
    if here.exists():
        return
    cached = Path(folder.config().get("paths", {}).get("cache", folder.path)) / SCRIPT
    try:
        if not cached.exists():
            durable.write_file(cached, get_plotlyjs())
        if cached != here:
            os.link(cached, here)
    except OSError:  # Another filesystem, or a cache that can't be written.
        durable.write_file(here, get_plotlyjs())


def _commands(path: Path) -> list[tuple[str, str]]:
    run = shlex.quote(os.fspath(path))
    return [
        ("go on with it", f"gpt-exp train resume={run}"),
        ("evaluate it", f"gpt-exp evaluate run={run}"),
        ("let it write", f"gpt-exp generate run={run} prompt='Once upon a time'"),
        ("write this page again", f"gpt-exp report run={run}"),
    ]


def _environment(environment: Mapping[str, Any], git: Mapping[str, Any]) -> list[tuple[str, str]]:
    versions = {name: version for name, version in environment.get("packages", {}).items() if version}
    changes = " with changes (git.patch)" if git.get("dirty") else ""
    rows = {
        "started": environment.get("created"),
        "command": shlex.join(environment.get("argv", [])),
        "code": f"{git['commit'][:12]}{changes}" if git else None,
        "machine": environment.get("hostname"),
        "processor": environment.get("cpu"),
        "GPU": ", ".join(environment.get("gpus", [])),
        "system": environment.get("platform"),
        "Python": environment.get("python"),
        "packages": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }
    return [(name, value) for name, value in rows.items() if value]


def _last(records: Records, key: str) -> Any:
    return next((record[key] for record in reversed(records) if record.get(key) is not None), None)


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _round(value: float) -> str:
    return f"{value:.2f}" if value < 1000 else _count(value)


def _count(value: float | None) -> str:
    """123, 12.3 k, 1.24 M, 1.56 B"""
    for unit, name in ((1e9, " B"), (1e6, " M"), (1e3, " k")):
        if value is not None and abs(value) >= unit:
            return f"{value / unit:.3g}{name}"
    return f"{value or 0:.3g}"


def _duration(seconds: float) -> str:
    """42 s, 12 min 5 s, 3 h 7 min, 2 d 4 h"""
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if days:
        return f"{days:.0f} d {hours % 24:.0f} h"
    if hours:
        return f"{hours:.0f} h {minutes % 60:.0f} min"
    return f"{minutes:.0f} min {seconds % 60:.0f} s" if minutes else f"{seconds:.0f} s"
