"""A sweep on the console: a table that follows it on a terminal, elsewhere a line for whatever happens."""

from __future__ import annotations

import sys
from time import monotonic

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from gpt_exp.page.numbers import duration
from gpt_exp.run.folder import RunFolder
from gpt_exp.run.tail import Tail
from gpt_exp.sweep.folder import Job, Objective

LINE_SECONDS = 60.0
COLORS = {"finished": "green", "pruned": "yellow", "failed": "red", "running": "blue"}


class Progress:
    """How far one run is, by the lines that it appends."""

    def __init__(self, run: RunFolder) -> None:
        self._metrics = Tail(run.metrics)
        self._run = run
        self.max_steps: int | None = None
        self.step = 0
        self.values: dict[str, float] = {}

    def look(self) -> None:
        if self.max_steps is None:
            self.max_steps = self._run.status().get("max_steps")
        for record in self._metrics.new():
            self.step = record["step"]
            self.values.update(record)


class ConsoleDisplay:
    """Tells of jobs that start and end, and how the others get on."""

    def __init__(self, objective: Objective, console: Console | None = None) -> None:
        self._console = console or Console(file=sys.stdout, highlight=False)
        self._objective = objective
        self._began = monotonic()
        self._tell_at = self._began + LINE_SECONDS
        self._progress: dict[int, Progress] = {}
        self._live = Live(console=self._console, refresh_per_second=2, transient=True)

    def __enter__(self) -> ConsoleDisplay:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def started(self, job: Job) -> None:
        how = "goes on" if len(job.attempts) > 1 else "starts"
        self._tell(job, f"{how}  {job.attempts[-1].note or ''}")

    def ended(self, job: Job) -> None:
        self._progress.pop(job.number, None)
        what = "out of memory; once more" if job.state == "waiting" else job.state
        spent, reason = "", job.reason
        if job.attempts:  # Else it was done before, or could not begin.
            attempt = job.attempts[-1]
            spent = f" after {duration((attempt.ended or attempt.started) - attempt.started)}"
            reason = attempt.reason if job.state == "waiting" else job.reason
        self._tell(job, f"{what}{spent}{f': {reason}' if reason else ''}", COLORS.get(job.state, ""))

    def update(self, jobs: list[Job], runs: dict[int, RunFolder]) -> None:
        for number, run in runs.items():
            self._progress.setdefault(number, Progress(run)).look()
        if self._console.is_terminal:
            self._live.update(self._table(jobs, list(runs)))
        elif monotonic() > self._tell_at:
            self._tell_at = monotonic() + LINE_SECONDS
            steps = ", ".join(f"{n:04d} {self._steps(self._progress[n])}" for n in runs)
            self._console.print(f"{self._counts(jobs)}  |  {steps}", soft_wrap=True)

    def _tell(self, job: Job, what: str, style: str = "") -> None:
        line = Text.assemble(f"{job.number:04d}  ", (" ".join(job.overrides), "bold"), "  ", (what, style))
        self._console.print(line, soft_wrap=True)

    def _table(self, jobs: list[Job], running: list[int]) -> RenderableType:
        table = Table(box=None, show_header=False, padding=(0, 1))
        for number in running:
            progress = self._progress[number]
            bar = ProgressBar(total=progress.max_steps or 1, completed=progress.step, width=24)
            value = progress.values.get(self._objective.metric)
            told = f"{self._objective.metric} {value:.4g}" if value is not None else ""
            name = " ".join(jobs[number].overrides)
            table.add_row(f"{number:04d}", bar, self._steps(progress), told, Text(name, overflow="ellipsis"))
        return Group(table, Text(self._counts(jobs), style="dim"))

    def _steps(self, progress: Progress) -> str:
        return f"{progress.step}/{progress.max_steps}" if progress.max_steps else "starts"

    def _counts(self, jobs: list[Job]) -> str:
        states = [job.state for job in jobs]
        told = [f"{states.count(state)} {state}" for state in dict.fromkeys(states)]
        return f"{len(jobs)} jobs: {', '.join(told)}; {duration(monotonic() - self._began)}"
