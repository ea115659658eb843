"""gpt-exp stages FOLDER: what came from what, cached or run, time, metric."""

from __future__ import annotations

import os
from pathlib import Path

from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from gpt_exp.errors import UserError
from gpt_exp.page.numbers import duration, rounded
from gpt_exp.run.folder import RunFolder
from gpt_exp.stages.index import FILE, Index
from gpt_exp.stages.lineage import chain
from gpt_exp.stages.table import StageRow, stage_rows
from gpt_exp.sweep.folder import SweepFolder

WIDE = 1000  # More columns than any table has: a folder's name is there to be copied, whole.


def main(config: DictConfig, overrides: list[str]) -> None:
    folder = Path(str(config.folder)).expanduser()
    console = Console(highlight=False)
    rows = stage_rows(chain(runs_at(folder)))
    if not rows:
        raise UserError(f"{folder}: no run in it is a stage")
    shown = table(rows, told(folder), folder)
    console.width = max(
        console.width, console.measure(shown, options=console.options.update(width=WIDE)).maximum
    )
    console.print(f"{folder}", soft_wrap=True)
    console.print(shown)


def runs_at(folder: Path) -> list[RunFolder]:
    """The runs of a staged experiment's folder, of a sweep over one, or the run at this path."""
    index, sweep = Index(folder), SweepFolder(folder)
    if index.file.is_file():
        return [index.run(entry) for entry in index.entries()]
    if sweep.asked_file.is_file():
        return [sweep.run(job) for job in sweep.jobs()]
    run = RunFolder(folder)
    if not run.config_file.is_file():
        near = sorted(folder.glob(f"*/{FILE}")) + sorted(folder.parent.glob(f"*/{FILE}"))
        hint = f"; there is {near[0].parent}" if near else ""
        raise UserError(f"{folder} is neither a staged experiment ({FILE}), a sweep, nor a run{hint}")
    if not run.lineage.is_file():
        raise UserError(f"{folder} is a run by itself, no stage (it has no lineage.json)")
    return [run]


def told(folder: Path) -> dict[Path, str]:
    """What the last command did with each run, by the index of the experiment that they lie in."""
    found: dict[Path, str] = {}
    for place in (folder, folder.parent):
        index = Index(place)
        found |= {index.run(entry).path.resolve(): entry.how for entry in index.entries()}
    return found


def table(rows: list[StageRow], how: dict[Path, str], folder: Path) -> Table:
    """A row a stage, in the order in which they were made; run folders as seen from `folder`."""
    shown = Table(box=None, pad_edge=False)
    for heading in ("stage", "from", "state", "time", "metric", "run"):
        shown.add_column(heading, no_wrap=True)
    for row in rows:
        seconds = "" if row.seconds is None else duration(row.seconds)
        metric = "" if row.value is None else f"{row.lineage.metric} {rounded(row.value)}"
        shown.add_row(
            row.lineage.stage,
            row.parents,
            state(row, how),
            seconds,
            metric,
            os.path.relpath(row.run.path, folder),
        )
    return shown


def state(row: StageRow, how: dict[Path, str]) -> str:
    """`cached` or `run` of what is finished, as the last command had it; else how it stands."""
    if row.state != "finished":
        return row.state
    said = how.get(row.run.path.resolve(), "")
    return said if said in ("cached", "run") else "run"
