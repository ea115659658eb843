"""The first page: all runs and sweeps, and the curves of those that are chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

from gpt_exp.dashboard.curves import MOST
from gpt_exp.dashboard.index import Index
from gpt_exp.dashboard.run_entry import RunEntry
from gpt_exp.dashboard.sweep_entry import SweepEntry
from gpt_exp.page import numbers
from gpt_exp.page.render import render
from gpt_exp.page.table import Cell, Row, number
from gpt_exp.sweep.folder import SETTLED, Objective

SWEEPS = "sweeps/"  # A job's id without it still says which sweep it is of.
OF_PLACES = ("paths.", "hydra.")  # Overrides that tell nothing of what a run is.
SWEEP_COLUMNS = ("sweep", "state", "jobs", "best", "by", "started")


def overview(
    index: Index,
    objective: Objective,
    *,
    outputs: str,
    chosen: Sequence[str],
    figures: Mapping[str, str],
    script: str,
    live: int,
) -> str:
    """The page; `chosen` are ids of runs whose `figures` are on it."""
    counts = Counter(run.state for run in index.runs.values())
    return render(
        "runs.html.j2",
        title="Runs",
        outputs=outputs,
        counts=[(state, counts[state]) for state in sorted(counts, key=_urgency)],
        metric=objective.metric,
        sweep_columns=SWEEP_COLUMNS,
        sweeps=[sweep_row(sweep) for sweep in index.sweeps.values()],
        run_columns=(
            "run",
            "state",
            "progress",
            f"best {objective.metric}",
            "last",
            "tokens/s",
            "time",
            "started",
        ),
        runs=[run_row(run, objective) for run in index.runs.values()],
        chosen=len(chosen),
        most=MOST,
        comparison=f"/compare?{urlencode([('run', id) for id in chosen])}",
        figures=figures,
        script=script,
        live=live,
    )


def run_row(run: RunEntry, objective: Objective) -> Row:
    """A run, with what was given on the command line."""
    reached = run.reached.get((objective.metric, objective.mode))
    overrides = [text for text in run.overrides if not text.startswith(OF_PLACES)]
    return Row(
        run.id,
        (
            Cell(shown(run.id), run.id, link=address("run", run.id), remark=" ".join(overrides) or None),
            Cell(run.state, state=True, remark="is asked to stop" if run.is_stopping else run.reason),
            _progress(run),
            number(reached and reached.best),
            number(reached and reached.last),
            number(run.tokens_per_second, numbers.count),
            number(run.seconds, numbers.duration),
            _when(run.started),
        ),
    )


def sweep_row(sweep: SweepEntry) -> Row:
    """A sweep, with the command that began it."""
    ended = f"{sweep.num(*SETTLED)} of {len(sweep.jobs)}"
    odd = [f"{sweep.num(state)} {state}" for state in ("running", "pruned", "failed") if sweep.num(state)]
    best = number(sweep.best)
    if sweep.objective is not None:
        best = best._replace(remark=sweep.objective.metric)
    return Row(
        sweep.id,
        (
            Cell(shown(sweep.id), sweep.id, link=address("sweep", sweep.id), remark=sweep.command or None),
            Cell(sweep.state, state=True),
            Cell(ended, sweep.share, share=sweep.share, remark=", ".join(odd) or None),
            best,
            _job(sweep),
            _when(sweep.started),
        ),
    )


def address(what: str, id: str) -> str:
    """Of the page of a run or a sweep."""
    return f"/{what}/{quote(id)}"


def shown(id: str) -> str:
    """An id as it is short and tells enough."""
    return id.removeprefix(SWEEPS)


def _progress(run: RunEntry) -> Cell:
    if run.step is None:
        return Cell("")
    steps = f"{run.step:,}" + (f" of {run.max_steps:,}" if run.max_steps else "")
    left = None
    if run.state == "running" and run.share and run.seconds:
        left = f"{numbers.duration(run.seconds / run.share * (1 - run.share))} left"
    share = run.share if run.state == "running" else None  # Bars stand out where there are few.
    return Cell(steps, run.share, share=share, remark=left)


def _job(sweep: SweepEntry) -> Cell:
    """The run that reached the best value, by its job's number or, if it is of another sweep, its id."""
    if sweep.best_run is None:
        return Cell("")
    return Cell(
        shown(sweep.best_run).removeprefix(f"{shown(sweep.id)}/"), link=address("run", sweep.best_run)
    )


def _when(started: str) -> Cell:
    """How long ago, sorted by the time itself."""
    if not started:
        return Cell("")
    return Cell(numbers.ago(started, datetime.now(UTC)), started)


def _urgency(state: str) -> int:
    order = ("running", "failed", "unknown", "stopped", "pruned", "not started", "finished")
    return order.index(state) if state in order else len(order)
