"""A run on one page, from its folder alone; it opens offline, also while the run goes on."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import plotly.graph_objects as go

from gpt_exp.config.verbs import TRAIN
from gpt_exp.page import bests, evaluation, intervals, lineage, numbers
from gpt_exp.page.cosines import cosine_figures
from gpt_exp.page.figures import MAX_POINTS, layout, points, to_json
from gpt_exp.page.judged import Evaluated, read_summary
from gpt_exp.page.links import called
from gpt_exp.page.render import SCRIPT, render, write_page
from gpt_exp.run import lines
from gpt_exp.run.cosines import by_pair, pair_of
from gpt_exp.run.folder import RunFolder, read_json
from gpt_exp.run.lines import thin
from gpt_exp.run.summary import result
from gpt_exp.run.tail import end
from gpt_exp.stages.lineage import verb_of
from gpt_exp.sweep.folder import SweepFolder

BLUE, ORANGE, GREEN, GREY = "#3b82f6", "#f59e0b", "#10b981", "#8b95a5"
# Metrics that have a figure of their own, need none, or go with the loss; any other is drawn as it is.
DRAWN = (
    "step",
    "tokens",
    "lr",
    "gradient_norm",
    "train/loss",
    "val/loss",
    "val/perplexity",
    "val/bits_per_byte",
)
GONE = "Its process ended without a word; it goes on from its last checkpoint."
NUM_LOG_LINES = 200
NUM_JUDGED = 3  # Figures of a validation in the headline.
TEMPLATE = "run.html.j2"

Records = Sequence[Mapping[str, Any]]


def run_page(
    folder: RunFolder,
    *,
    script: str = SCRIPT,
    live: int | None = None,
    sweep: str | None = None,
    answers: str | None = None,
) -> str:
    """A run's page; `sweep` and `answers` are addresses: of its sweep's page, and its evaluation's."""
    return render(TEMPLATE, **_contents(folder, sweep, answers), script=script, live=live)


def write_report(path: Path) -> Path:
    """Write a run folder's report.html, and Plotly's script beside it; returns the page."""
    folder = RunFolder.open(path)
    answers = evaluation.FILE if (folder.path / evaluation.FILE).is_file() else None
    contents = _contents(folder, _sweep_of(folder), answers)
    return write_page(folder.report, folder.cache(), TEMPLATE, **contents)


def _contents(folder: RunFolder, sweep: str | None, answers: str | None) -> dict[str, Any]:
    metrics, speed = lines.read_metrics(folder.metrics), lines.read_metrics(folder.speed)
    results, status, state = read_json(folder.results), folder.status(), folder.state()
    judged = read_summary(folder.path)
    name, time = called(folder.path.absolute())
    return {
        "title": f"{name} {time}",
        "name": name,
        "time": time,
        "status": state,
        "reason": status.get("reason") or (GONE if state == "stopped" else None),
        "sweep": sweep,
        "answers": answers,
        "going_on": going_on(status, metrics, speed) if state == "running" else None,
        "headline": headline(metrics, speed, results, judged),
        "judged": intervals.rows(judged),
        "bars": bars(results),
        "figures": {heading: to_json(figure) for heading, figure in figures(metrics, speed).items()},
        **_lineage(folder),
        "bests": bests.best_rows(folder),
        "best_columns": bests.COLUMNS,
        "samples": lines.last_samples(folder.samples),
        "commands": _commands(folder.path, trains=verb_of(folder) == TRAIN),
        "log": _log(folder, folder.log) or _log(folder, folder.console),
        "overrides": _text(folder, folder.overrides) or "[]",
        "config": _text(folder, folder.config_file),
        "environment": _environment(read_json(folder.environment), read_json(folder.git)),
    }


def _lineage(folder: RunFolder) -> dict[str, Any]:
    """A stage's: what came from what."""
    rows = lineage.lineage_rows(folder)
    return {
        "lineage": to_json(lineage.lineage_figure(rows, folder)) if rows else None,
        "stages": lineage.lineage_table(rows, folder),
        "stage_columns": lineage.COLUMNS,
    }


def headline(
    metrics: Records, speed: Records, results: Mapping[str, Any], judged: Sequence[Evaluated] = ()
) -> list[tuple[str, str, str]]:
    """(value, what it is, a remark), of what is known so far; what a task is judged by comes first."""
    step = lines.last(metrics, "step") or 0
    validation = {name: result(results, f"val/{name}") for name in _VALIDATION}
    at = "whole validation part"
    if not any(validation.values()):
        validation = {name: lines.last(metrics, f"val/{name}") for name in _VALIDATION}
        at = f"last validation of {numbers.count(step)} steps"
    tokens = lines.first(result(results, "num_tokens_seen"), lines.last(metrics, "tokens"))
    seconds = lines.first(result(results, "seconds"), lines.last(speed, "speed/elapsed_seconds"))
    rate = tokens / seconds if tokens and seconds else lines.last(speed, "speed/tokens_per_second")
    known = [
        (validation["bits_per_byte"], "{:.3f}".format, "bits per byte", at),
        (validation["loss"], "{:.3f}".format, "validation loss", "nats per token"),
        (validation["perplexity"], _perplexity, "perplexity", "per token"),
        (result(results, "num_parameters"), numbers.count, "parameters", ""),
        (tokens, numbers.count, "tokens", f"in {numbers.count(step)} steps"),
        (seconds, numbers.duration, "training time" if metrics else "time", ""),
        (result(results, "peak_memory"), numbers.size, "memory", "at most, of one process"),
        (rate, numbers.count, "tokens/s", "while training"),
    ]
    told = [(form(value), what, remark) for value, form, what, remark in known if value is not None]
    return (intervals.headline(judged) or _last_judged(metrics)) + told


def _last_judged(metrics: Records) -> list[tuple[str, str, str]]:
    """What the last validation says of a task's own figures, while there is no evaluation."""
    names = dict.fromkeys(name for record in metrics for name in record)
    own = [name for name in names if name.startswith("val/") and name not in DRAWN][:NUM_JUDGED]
    values = [(name.removeprefix("val/").replace("_", " "), lines.last(metrics, name)) for name in own]
    return [(numbers.rounded(value), name, "last validation") for name, value in values]


_VALIDATION = ("loss", "perplexity", "bits_per_byte")


class GoingOn(NamedTuple):
    """How far a run is that is under way."""

    step: int
    steps: int
    seconds_left: float | None


def going_on(status: Mapping[str, Any], metrics: Records, speed: Records) -> GoingOn | None:
    """None where nobody knows how many steps there will be."""
    steps = int(result(status, "max_steps") or 0)
    if steps < 1:
        return None
    step = min(steps, max(lines.last(metrics, "step") or 0, int(result(status, "step") or 0)))
    spent, at = lines.last(speed, "speed/elapsed_seconds"), lines.last(speed, "step")
    return GoingOn(step, steps, spent / at * (steps - step) if spent and at else None)


def bars(results: Mapping[str, Any]) -> list[tuple[str, str, float]]:
    """Bits per byte of the model and of compressors on the same text: (name, value, width in percent)."""
    names = {"gzip": "gzip", "xz": "xz", "this model": "bits_per_byte"}
    known = {name: result(results, f"val/{key}") for name, key in names.items()}
    values = {name: value for name, value in known.items() if value}
    if len(values) < 2 or "this model" not in values:
        return []
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
    others = dict.fromkeys(key for record in metrics for key in record if key not in DRAWN)
    drawn = {heading: _figure(records, curves) for heading, (records, curves) in parts.items()}
    drawn |= cosine_figures([by_pair(metrics)])
    drawn |= {
        key: _figure(metrics, [(key, key, GREEN, "lines+markers")]) for key in others if not pair_of(key)
    }
    return {heading: figure for heading, figure in drawn.items() if figure.data}


def _figure(records: Records, curves: list[tuple[str, str, str, str]]) -> go.Figure:
    figure = go.Figure(layout=layout(legend=len(curves) > 1))
    for name, key, color, mode in curves:
        if shown := thin(points(records, key), MAX_POINTS):
            x, y = zip(*shown, strict=True)
            line = {"color": color, "width": 1.3 if mode == "lines" else 2.2}
            figure.add_scatter(x=x, y=y, name=name, mode=mode, line=line, marker={"size": 6})
    return figure


def _sweep_of(folder: RunFolder) -> str | None:
    """A job's way to the page of the sweep around it; that is written when all jobs are done."""
    sweep = SweepFolder(folder.path.absolute().parent)
    return f"../{sweep.report.name}" if sweep.asked_file.exists() else None


def _commands(path: Path, *, trains: bool) -> list[tuple[str, str]]:
    """A stage of another verb has no network."""
    run = shlex.quote(os.fspath(path))
    of_network = [
        ("go on with it", f"gpt-exp train resume={run}"),
        ("evaluate it", f"gpt-exp evaluate run={run}"),
        ("let it write", f"gpt-exp generate run={run} prompt='Once upon a time'"),
    ]
    return [*of_network * trains, ("write this page again", f"gpt-exp report run={run}")]


def _environment(environment: Mapping[str, Any], git: Mapping[str, Any]) -> list[tuple[str, str]]:
    versions = {name: version for name, version in (environment.get("packages") or {}).items() if version}
    changes = " with changes (git.patch)" if git.get("dirty") else ""
    rows = {
        "started": environment.get("created"),
        "command": shlex.join(environment.get("argv") or []),
        "code": f"{str(git['commit'])[:12]}{changes}" if git.get("commit") else None,
        "machine": environment.get("hostname"),
        "processor": environment.get("cpu"),
        "GPU": ", ".join(environment.get("gpus") or []),
        "system": environment.get("platform"),
        "Python": environment.get("python"),
        "packages": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }
    return [(name, value) for name, value in rows.items() if value]


def _text(folder: RunFolder, path: Path) -> str:
    return path.read_text(errors="replace") if folder.has(path) else ""


def _log(folder: RunFolder, path: Path) -> str:
    """Its last lines."""
    text = end(path, 100 * NUM_LOG_LINES) if folder.has(path) else ""
    return "\n".join(text.splitlines()[-NUM_LOG_LINES:])


def _perplexity(value: float) -> str:
    return f"{value:.2f}" if value < 1000 else numbers.count(value)
