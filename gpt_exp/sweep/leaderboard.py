"""The table of a sweep: what every job was given and reached, and means over seeds."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from math import inf, isfinite
from typing import Any, NamedTuple

from gpt_exp.config.nearest import nearest
from gpt_exp.run import durable
from gpt_exp.run.folder import RunFolder, read_json
from gpt_exp.run.lines import Metrics, read_metrics, thin
from gpt_exp.run.summary import Reached, metric_names, reached_in, result
from gpt_exp.sweep.folder import DONE, Job, Objective, SweepFolder
from gpt_exp.sweep.seeds import Group, Value, groups

VALUES = ("best", "best_step", "last")  # Of each objective, as columns.
MAX_RECORDS = 2000  # Of a job, for its curves: more can't be told apart.


class Logged(NamedTuple):
    """What a job's metrics tell; all of them are read, and no more is kept than a figure shows."""

    reached: list[Reached | None]  # By objective.
    step: int
    metrics: Metrics


Read = Callable[[RunFolder, Sequence[Objective]], Logged]


class Row(NamedTuple):
    """One job."""

    job: int
    parameters: dict[str, Value]  # Those that vary in this sweep.
    state: str
    reason: str | None
    reached: list[Reached | None]  # By objective.
    steps: int
    max_steps: int | None
    seconds: float
    attempts: int
    notes: list[str]  # What an attempt did differently, such as half the micro-batch.
    run: str  # Its folder.
    span: tuple[float, float] | None  # Unix seconds from the first attempt's start to the last one's end.
    metrics: Metrics  # Its curves.
    is_best: bool = False  # Of several objectives: no other job is better in all of them.

    @property
    def values(self) -> list[float] | None:
        """The best value of each objective, where all are known and finite."""
        known = [each.best for each in self.reached if each is not None and isfinite(each.best)]
        return known if len(known) == len(self.reached) else None


class Leaderboard(NamedTuple):
    """Best first; jobs without a value last."""

    objectives: list[Objective]
    parameters: list[str]
    rows: list[Row]
    groups: list[Group]  # Empty unless some jobs differ in their seed only.
    remarks: list[str]  # What a reader of the table should know.


def logged(run: RunFolder, objectives: Sequence[Objective]) -> Logged:
    """Of metrics.jsonl, as it is now."""
    metrics = read_metrics(run.metrics)
    kept = {id(record) for record in thin(metrics, MAX_RECORDS)}
    return Logged(
        [reached_in(metrics, {}, each.metric, each.mode) for each in objectives],
        metrics[-1]["step"] if metrics else 0,
        [each for each in metrics if id(each) in kept or any(key.startswith("val/") for key in each)],
    )


def leaderboard(folder: SweepFolder, read: Read = logged) -> Leaderboard:
    """Of all jobs as they are now; `read` may know what it has read before."""
    objectives, jobs, managed = folder.objectives(), folder.jobs(), folder.is_managed()
    rows = [
        _row(folder, job, objectives, folder.state(job, managed=managed), read(folder.run(job), objectives))
        for job in jobs
    ]
    best = _best(rows, objectives)
    rows = [row._replace(is_best=row.job in best) for row in rows]
    rows.sort(key=lambda row: _rank(row, objectives[0]))
    parameters = list(dict.fromkeys(key for job in jobs for key in settings(job)))
    return Leaderboard(objectives, parameters, rows, groups(rows, objectives[0]), _remarks(rows, objectives))


def settings(job: Job) -> dict[str, Value]:
    """What a job was given: keys with numbers where they are numbers."""
    pairs = (override.lstrip("+~").partition("=") for override in job.overrides)
    return {key: _number_or_text(text) for key, _, text in pairs}


def _number_or_text(text: str) -> Value:
    for form in (int, float):
        with suppress(ValueError):
            return form(text)
    return text.strip("'")


def _row(folder: SweepFolder, job: Job, objectives: Sequence[Objective], state: str, known: Logged) -> Row:
    run = folder.run(job)
    results, status = read_json(run.results), run.status()
    spent = sum(attempt.ended - attempt.started for attempt in job.attempts if attempt.ended is not None)
    return Row(
        job=job.number,
        parameters=settings(job),
        state=state,
        reason=job.reason,
        reached=[
            each or reached_in([], results, objective.metric, objective.mode)
            for each, objective in zip(known.reached, objectives, strict=True)
        ],
        steps=max(int(result(results, "step") or 0), known.step, int(status.get("step", 0))),
        max_steps=status.get("max_steps"),
        seconds=spent or result(results, "seconds") or 0.0,
        attempts=len(job.attempts),
        notes=[attempt.note for attempt in job.attempts if attempt.note],
        run=str(run.path),
        span=_span(job),
        metrics=known.metrics,
    )


def _span(job: Job) -> tuple[float, float] | None:
    if not job.attempts or job.attempts[-1].ended is None:
        return None
    return job.attempts[0].started, job.attempts[-1].ended


def _rank(row: Row, objective: Objective) -> tuple[Any, ...]:
    """Finished and pruned jobs by value, then those under way, then failures."""
    value = row.reached[0].best if row.reached[0] is not None else None
    order = 0 if row.state in DONE and value is not None else 2 if row.state == "failed" else 1
    sign = 1 if objective.mode == "min" else -1
    return order, sign * value if value is not None and isfinite(value) else inf, row.job


def _best(rows: Sequence[Row], objectives: Sequence[Objective]) -> set[int]:
    """The finished jobs that no other one equals or beats in all objectives, and beats in one."""
    signs = [1 if objective.mode == "min" else -1 for objective in objectives]
    values = {
        row.job: [sign * value for sign, value in zip(signs, row.values, strict=True)]
        for row in rows
        if row.state == "finished" and row.values is not None
    }
    return {job for job, own in values.items() if not any(_beats(other, own) for other in values.values())}


def _beats(other: Sequence[float], own: Sequence[float]) -> bool:
    return other != own and all(theirs <= ours for theirs, ours in zip(other, own, strict=True))


def _remarks(rows: Sequence[Row], objectives: Sequence[Objective]) -> list[str]:
    """Objectives that finished jobs have no value of, such as misspelt ones."""
    remarks = []
    for index, objective in enumerate(objectives):
        without = [row for row in rows if row.state == "finished" and row.reached[index] is None]
        if without:
            known = {name for row in without for name in _names(row)}
            near = nearest(objective.metric, known)
            remarks.append(
                f"{len(without)} finished jobs have no value of {objective.metric}"
                + (f"; did you mean {near}?" if near else "")
            )
    return remarks


def _names(row: Row) -> list[str]:
    return metric_names(row.metrics, read_json(RunFolder(row.run).results))


def write(folder: SweepFolder, board: Leaderboard) -> None:
    """leaderboard.csv, a line a job, and leaderboard.json with the groups."""
    lines = [_flat(row, board) for row in board.rows]
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=_columns(board), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    durable.write_file(folder.leaderboard_csv, text.getvalue())
    told = {
        "objectives": [objective._asdict() for objective in board.objectives],
        "jobs": [_without_nan(line) for line in lines],
        "groups": [
            _without_nan({**group._asdict(), "parameters": _without_nan(group.parameters)})
            for group in board.groups
        ],
    }
    durable.write_file(folder.leaderboard_json, json.dumps(told, indent=1) + "\n")


def _without_nan(line: Mapping[str, Any]) -> dict[str, Any]:
    """JSON knows neither NaN nor infinity."""
    return {k: None if isinstance(v, float) and not isfinite(v) else v for k, v in line.items()}


def _columns(board: Leaderboard) -> list[str]:
    suffixes = [_suffix(board, index) for index in range(len(board.objectives))]
    values = [f"{what}{suffix}" for suffix in suffixes for what in VALUES]
    rest = ["steps", "seconds", "attempts", "notes", "reason", "run"]
    return ["job", "state", *values, *board.parameters, *rest]


def _suffix(board: Leaderboard, index: int) -> str:
    """Nothing for one objective; its name where there are several."""
    return "" if len(board.objectives) == 1 else f" {board.objectives[index].metric}"


def _flat(row: Row, board: Leaderboard) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for index, each in enumerate(row.reached):
        for what in VALUES:
            values[f"{what}{_suffix(board, index)}"] = getattr(each, what, None)
    return {
        "job": row.job,
        "state": row.state,
        **values,
        **{key: row.parameters.get(key) for key in board.parameters},
        "steps": row.steps,
        "seconds": round(row.seconds, 1),
        "attempts": row.attempts,
        "notes": "; ".join(row.notes),
        "reason": row.reason,
        "run": row.run,
    }
