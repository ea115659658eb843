"""Jobs of a sweep that differ in their seed only, and their means."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import TYPE_CHECKING, NamedTuple

from gpt_exp.sweep.folder import Objective

if TYPE_CHECKING:
    from gpt_exp.sweep.leaderboard import Row

SEED = "seed"
Value = int | float | str


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


def groups(rows: Sequence[Row], objective: Objective) -> list[Group]:
    """Best first; none unless some finished jobs differ in their seed only."""
    finished = [row for row in rows if row.state == "finished" and row.values is not None]
    found = [_group(same) for same in over_seeds(finished)]
    if max((group.num_seeds for group in found), default=0) < 2:
        return []
    found.sort(key=lambda group: group.mean, reverse=objective.mode == "max")
    return [found[0]._replace(is_best=True), *found[1:]]


def over_seeds(rows: Sequence[Row]) -> list[list[Row]]:
    """Jobs that differ in their seed only, together, in the order of each one's first.

    Of jobs with equal parameters and seed the last counts: the config around them has changed since.
    """
    newest = {_key(row.parameters): row.job for row in sorted(rows, key=lambda row: row.job)}
    found: dict[str, list[Row]] = {}
    for row in rows:
        if newest[_key(row.parameters)] == row.job:
            found.setdefault(_key(_without_seed(row.parameters)), []).append(row)
    return list(found.values())


def _key(parameters: Mapping[str, Value]) -> str:
    return json.dumps(parameters, sort_keys=True)


def _group(rows: Sequence[Row]) -> Group:
    values = [row.values[0] for row in rows if row.values is not None]
    deviation = stdev(values) if len(values) > 1 else None
    return Group(_without_seed(rows[0].parameters), [row.job for row in rows], mean(values), deviation)


def _without_seed(parameters: Mapping[str, Value]) -> dict[str, Value]:
    return {key: value for key, value in parameters.items() if key != SEED}
