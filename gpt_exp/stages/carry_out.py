"""gpt-exp train experiment=STAGED: its stages one after another, in a process each."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from gpt_exp.config.compose import Composition
from gpt_exp.page.numbers import duration, rounded
from gpt_exp.page.run import write_report
from gpt_exp.run.folder import RunFolder
from gpt_exp.stages.index import Entry, Index
from gpt_exp.stages.make import make_stages
from gpt_exp.stages.process import StageFailed, finish
from gpt_exp.stages.table import stage_row


def carry_out(job: Composition, arguments: Sequence[str]) -> None:
    """Carry out every stage whose folder does not hold it finished; `job` is the last one, checked.

    Raises StageFailed, and SystemExit with 128 + n where signal n stopped it: the same command goes on.
    """
    runs = make_stages(job.stages)
    index, command = Index(Path(job.stages[-1].path).parent), shlex.join(["gpt-exp", "train", *arguments])
    entries = [Entry(stage.name, stage.key, stage.path.name, metric=stage.metric) for stage in job.stages]
    for entry, run in zip(entries, runs, strict=True):
        if run.status().get("state") == "finished":
            _note(entry, run, "cached")
    width = max(len(entry.stage) for entry in entries)
    index.save(command, entries)
    for number, (entry, run) in enumerate(zip(entries, runs, strict=True), 1):
        head = f"stage {number} of {len(entries)}  {entry.stage:{width}}  "
        if entry.how != "cached":
            print(f"{head}{_running(run)}", flush=True)
            _train(entry, run, index, command, entries)
        print(f"{head}{'cached' if entry.how == 'cached' else 'done'}{_told(entry)}  {run.path}", flush=True)
    if any(entry.how == "run" for entry in entries):  # Each report shows all of them.
        for run in runs:
            write_report(run.path)


def _train(entry: Entry, run: RunFolder, index: Index, command: str, entries: Sequence[Entry]) -> None:
    """One stage, with every change of its state in the index."""
    entry.how = "running"
    index.save(command, entries)
    try:
        finish(run, entry.stage)
    except StageFailed:
        entry.how = "failed"
        raise
    except (SystemExit, KeyboardInterrupt):
        entry.how = "stopped"
        print(f"stopped in {entry.stage}; to go on: the same command", flush=True)
        raise
    else:
        _note(entry, run, "run")
    finally:
        index.save(command, entries)


def _note(entry: Entry, run: RunFolder, how: str) -> None:
    entry.how, row = how, stage_row(run)
    if row is not None:
        entry.seconds, entry.metric, entry.value = row.seconds, row.lineage.metric, row.value


def _running(run: RunFolder) -> str:
    whole = run.newest_whole_checkpoint()
    return f"goes on from {whole.name}" if whole else "running"


def _told(entry: Entry) -> str:
    parts = [duration(entry.seconds)] if entry.seconds is not None else []
    parts += [f"{entry.metric} {rounded(entry.value)}"] if entry.value is not None else []
    return "".join(f"  {part}" for part in parts)
