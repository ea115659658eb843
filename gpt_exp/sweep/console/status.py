"""Where a sweep's jobs are, on the console."""

from __future__ import annotations

from collections import Counter

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gpt_exp.page.numbers import duration
from gpt_exp.run.lines import read_metrics
from gpt_exp.sweep.console.display import COLORS
from gpt_exp.sweep.folder import Job, SweepFolder


def print_status(folder: SweepFolder, console: Console) -> None:
    """A line a job, and what they come to."""
    managed = folder.is_managed()
    jobs = folder.jobs()
    table = Table(box=None, padding=(0, 1), header_style="dim")
    for heading in ("job", "state", "step", "time", "overrides", "reason"):
        table.add_column(heading, overflow="fold")
    for job in jobs:
        state = folder.state(job, managed=managed)
        style = COLORS.get(state, "")
        cells = (f"{job.number:04d}", Text(state, style=style), _step(folder, job), _time(job))
        table.add_row(*cells, " ".join(job.overrides), job.reason or "")
    console.print(table)
    counts = Counter(folder.state(job, managed=managed) for job in jobs)
    told = ", ".join(f"{number} {state}" for state, number in counts.items())
    console.print(f"{len(jobs)} jobs: {told}; {'under way' if managed else 'nobody carries it out now'}")
    if not managed and (counts["stopped"] or counts["waiting"]):
        console.print(f"to go on: gpt-exp sweep resume {folder.path}", soft_wrap=True)
    if not managed and counts["failed"]:
        console.print(f"failed jobs once more: gpt-exp sweep retry {folder.path}", soft_wrap=True)


def _step(folder: SweepFolder, job: Job) -> str:
    run = folder.run(job)
    records, status = read_metrics(run.metrics), run.status()
    step = records[-1]["step"] if records else status.get("step", 0)
    return f"{step}/{status['max_steps']}" if "max_steps" in status else str(step)


def _time(job: Job) -> str:
    seconds = sum((attempt.ended or attempt.started) - attempt.started for attempt in job.attempts)
    return duration(seconds) if seconds else ""
