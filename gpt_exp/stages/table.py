"""Stages in rows: what came from what, how far it is, time, metric."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from gpt_exp.run.folder import RunFolder, read_json
from gpt_exp.run.summary import reached, result
from gpt_exp.stages.lineage import Lineage, parent_run, read_lineage

KEY_SHOWN = 8


class StageRow(NamedTuple):
    """One stage's run."""

    run: RunFolder
    lineage: Lineage
    state: str  # As the run folder tells: finished, running, stopped ...
    seconds: float | None  # Of training all attempts together, of another verb the last one.
    value: float | None  # The best of its metric.

    @property
    def parents(self) -> str:
        """Each with the checkpoint that weights were taken from."""
        told = ([each.stage, each.checkpoint] for each in self.lineage.parents)
        return ", ".join(" ".join(filter(None, each)) for each in told)

    @property
    def key(self) -> str:
        return self.lineage.key[:KEY_SHOWN]


def stage_row(run: RunFolder) -> StageRow | None:
    """None for a run that is no stage, or is not there any more."""
    lineage = read_lineage(run)
    if lineage is None:
        return None
    found = reached(run, lineage.metric, lineage.mode)
    seconds = result(read_json(run.results), "seconds")
    return StageRow(run, lineage, run.state(), seconds, found.best if found else None)


def stage_rows(runs: Iterable[RunFolder]) -> list[StageRow]:
    return [row for row in map(stage_row, runs) if row is not None]


def edges(rows: list[StageRow]) -> list[tuple[int, int]]:
    """(from, to) of rows: which stage's run another one took something from."""
    places = {row.run.path.resolve(): number for number, row in enumerate(rows)}
    found = []
    for number, row in enumerate(rows):
        for parent in row.lineage.parents:
            above = places.get(parent_run(row.run, parent).path.resolve())
            found += [(above, number)] if above is not None else []
    return found
