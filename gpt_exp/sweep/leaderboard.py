"""The table of a sweep: what every job was given and reached, and means over seeds."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from math import isfinite
from statistics import mean, stdev
from typing import Any, NamedTuple

from gpt_exp.run import durable
from gpt_exp.run.folder import read_json
from gpt_exp.run.lines import read_metrics
from gpt_exp.run.summary import Reached, reached_in
from gpt_exp.sweep.folder import DONE, Job, Objective, SweepFolder

SEED = "seed"
VALUES = ("best", "best_step", "last")  # Of each objective, as columns.
Value = int | float | str


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
    is_best: bool = False  # Of several objectives: no other job is better in all of them.

    @property
    def values(self) -> list[float] | None:
        """The best value of each objective, where all are known and finite."""
        known = [each.best for each in self.reached if each is not None and isfinite(each.best)]
        return known if len(known) == len(self.reached) else None


class Group(NamedTuple):
    """Finished jobs that differ in their seed only."""

    parameters: dict[str, Value]
    jobs: list[int]
    mean: float
    deviation: float | None  # Of the sample; None for one job.
    is_best: bool = False

    @property
    def num_seeds(self) -> int:
        return len(self.jobs)


class Leaderboard(NamedTuple):
    """Best first; jobs without a value last."""

    objectives: list[Objective]
    parameters: list[str]
    rows: list[Row]
    groups: list[Group]  # Empty unless some jobs differ in their seed only.


def leaderboard(folder: SweepFolder) -> Leaderboard:
    """Of all jobs as they are now."""
    objectives, jobs, managed = folder.objectives(), folder.jobs(), folder.is_managed()
    rows = [_row(folder, job, objectives, folder.state(job, managed=managed)) for job in jobs]
    best = _best(rows, objectives)
    rows = [row._replace(is_best=row.job in best) for row in rows]
    rows.sort(key=lambda row: _rank(row, objectives[0]))
    parameters = list(dict.fromkeys(key for job in jobs for key in settings(job)))
    return Leaderboard(objectives, parameters, rows, _groups(rows, objectives[0]))


def settings(job: Job) -> dict[str, Value]:
    """What a job was given: keys with numbers where they are numbers."""
    pairs = (override.lstrip("+~").partition("=") for override in job.overrides)
    return {key: _number_or_text(text) for key, _, text in pairs}


def _number_or_text(text: str) -> Value:
    for form in (int, float):
        with suppress(ValueError):
            return form(text)
    return text.strip("'")


def _row(folder: SweepFolder, job: Job, objectives: Sequence[Objective], state: str) -> Row:
    run = folder.run(job)
    metrics, results = read_metrics(run.metrics), read_json(run.results)
    spent = sum(attempt.ended - attempt.started for attempt in job.attempts if attempt.ended is not None)
    return Row(
        job=job.number,
        parameters=settings(job),
        state=state,
        reason=job.reason,
        reached=[reached_in(metrics, results, each.metric, each.mode) for each in objectives],
        steps=max(results.get("step", 0), metrics[-1]["step"] if metrics else 0),
        max_steps=run.status().get("max_steps"),
        seconds=spent or results.get("seconds", 0.0),
        attempts=len(job.attempts),
        notes=[attempt.note for attempt in job.attempts if attempt.note],
        run=str(run.path),
    )


def _rank(row: Row, objective: Objective) -> tuple[Any, ...]:
    """Finished and pruned jobs by value, then those under way, then failures."""
    value = row.reached[0].best if row.reached[0] is not None else None
    order = 0 if row.state in DONE and value is not None else 2 if row.state == "failed" else 1
    sign = 1 if objective.mode == "min" else -1
    return order, float("inf") if value is None else sign * value, row.job


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


def _groups(rows: Sequence[Row], objective: Objective) -> list[Group]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        if row.state == "finished" and row.values is not None:
            found.setdefault(json.dumps(_without_seed(row.parameters), sort_keys=True), []).append(row)
    if max((len(same) for same in found.values()), default=0) < 2:
        return []
    groups = [_group(same) for same in found.values()]
    groups.sort(key=lambda group: group.mean, reverse=objective.mode == "max")
    return [groups[0]._replace(is_best=True), *groups[1:]]


def _group(rows: Sequence[Row]) -> Group:
    values = [row.values[0] for row in rows if row.values is not None]
    deviation = stdev(values) if len(values) > 1 else None
    return Group(_without_seed(rows[0].parameters), [row.job for row in rows], mean(values), deviation)


def _without_seed(parameters: Mapping[str, Value]) -> dict[str, Value]:
    return {key: value for key, value in parameters.items() if key != SEED}


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
        "groups": [group._asdict() for group in board.groups],
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
