"""Where a stage's run came from: lineage.json in its folder, and the runs before it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from gpt_exp.config.verbs import TRAIN
from gpt_exp.errors import UserError
from gpt_exp.run.durable import write_file
from gpt_exp.run.folder import RunFolder, read_json
from gpt_exp.stages.outcome import Outcome


@dataclass
class Parent:
    """An earlier stage that a run takes something from."""

    stage: str
    key: str
    folder: str  # From the run's own folder.
    checkpoint: str | None = None  # That the weights were taken from, from the start of the run on.


@dataclass
class Lineage:
    stage: str
    key: str  # Of its config, its data and the keys of its parents (config/stage_plan.py).
    metric: str  # What its checkpoints are chosen by; of another verb what it found out, once it has.
    mode: str  # min or max
    parents: list[Parent] = field(default_factory=list)
    verb: str = TRAIN


def read_lineage(run: RunFolder) -> Lineage | None:
    """None where the run is no stage. Raises UserError where the file is damaged."""
    found = read_json(run.lineage)
    if not found:
        return None
    try:
        return Lineage(**{**found, "parents": [Parent(**parent) for parent in found["parents"]]})
    except (TypeError, KeyError) as error:
        raise UserError(f"{run.lineage} is damaged: {error}") from error


def verb_of(run: RunFolder) -> str:
    """What a run's job does."""
    lineage = read_lineage(run)
    return lineage.verb if lineage else TRAIN


def save_lineage(run: RunFolder, lineage: Lineage) -> None:
    write_file(run.lineage, json.dumps(asdict(lineage), indent=1) + "\n")


def note_outcome(run: RunFolder, outcome: Outcome) -> None:
    """What a stage of another verb is known by: its figures are there."""
    lineage = read_lineage(run)
    assert lineage is not None
    lineage.metric, lineage.mode = outcome.metric, outcome.mode
    save_lineage(run, lineage)


def parent_run(run: RunFolder, parent: Parent) -> RunFolder:
    return RunFolder(os.path.normpath(run.path / parent.folder))


def chain(runs: Iterable[RunFolder]) -> list[RunFolder]:
    """The runs and all that they came from, each once and before what came from it."""
    found: dict[Path, RunFolder] = {}

    def add(run: RunFolder) -> None:
        lineage = read_lineage(run)
        for parent in lineage.parents if lineage else ():
            if (other := parent_run(run, parent)).path.resolve() not in found:
                add(other)
        found.setdefault(run.path.resolve(), run)

    for run in runs:
        add(run)
    return list(found.values())
