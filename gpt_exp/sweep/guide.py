"""Who says which job comes next: the order of a grid, or a search."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from gpt_exp.config.nearest import nearest
from gpt_exp.errors import UserError
from gpt_exp.run.folder import RunFolder, read_json
from gpt_exp.run.lines import read_metrics
from gpt_exp.run.summary import metric_names, reached
from gpt_exp.run.tail import Tail
from gpt_exp.sweep.folder import SETTLED, Job, Objective, SweepFolder

if TYPE_CHECKING:
    from gpt_exp.sweep.search.search import Search, Trial


class InOrder:
    """Every job of a grid that is wanted, first come first served, to its end."""

    def __init__(self, jobs: list[Job]) -> None:
        self._jobs = jobs

    def next_job(self) -> Job | None:
        return next((job for job in self._jobs if job.state == "waiting"), None)

    def verdict(self, job: Job, run: RunFolder) -> str | None:
        return None

    def settled(self, job: Job, run: RunFolder) -> None:
        pass


class BySearch:
    """Jobs that a search asks for as slots get free, pruned by what it knows of the others."""

    def __init__(
        self,
        folder: SweepFolder,
        jobs: list[Job],
        search: Search,
        objectives: list[Objective],
        *,
        make_job: Callable[[int, list[str], int], Job],
    ) -> None:
        self._folder = folder
        self._jobs = jobs
        self._search = search
        self._objectives = objectives
        self._make_job = make_job  # From its number, its overrides and its trial.
        self._tails: dict[Path, Tail] = {}
        self._asked = self._catch_up()

    def _catch_up(self) -> list[Trial]:
        """After a kill: tell the search what it was not told; the trials that have no job yet."""
        by_trial = {job.trial: job for job in self._jobs}
        left = self._search.under_way()
        for trial in left:
            job = by_trial.get(trial.number)
            if job is not None and job.state in SETTLED:
                self.settled(job, self._folder.run(job))
        return [trial for trial in left if trial.number not in by_trial]

    def next_job(self) -> Job | None:
        while (job := next((job for job in self._jobs if job.state == "waiting"), None)) is None:
            trial = self._asked.pop() if self._asked else self._search.ask()
            if trial is None:
                return None
            self._add(trial)
        return job

    def _add(self, trial: Trial) -> None:
        """A job for a trial; one whose config is refused has failed, one that was run before is done."""
        number = len(self._jobs)
        try:
            job = self._make_job(number, trial.overrides, trial.number)
        except UserError as error:
            reason = " ".join(str(error).split())
            job = Job(number, "", trial.overrides, f"{number:04d}", "failed", reason, trial=trial.number)
        self._jobs.append(job)
        if job.state != "waiting":
            self.settled(job, self._folder.run(job))

    def verdict(self, job: Job, run: RunFolder) -> str | None:
        tail = self._tails.setdefault(run.path, Tail(run.metrics))
        metric = self._objectives[0].metric
        for record in tail.new():
            if (value := record.get(metric)) is not None and job.trial is not None:
                why = self._search.report(job.trial, record["step"], value)
                if why:
                    return why
        return None

    def settled(self, job: Job, run: RunFolder) -> None:
        if job.trial is None:
            return
        found = [reached(run, objective.metric, objective.mode) for objective in self._objectives]
        values = [each.best for each in found if each is not None]
        if job.state == "finished" and len(values) < len(found):
            raise UserError(self._no_such_metric(job, run, [each is not None for each in found]))
        if len(values) == len(found) and job.state != "failed":
            self._search.tell(job.trial, job.state, values)
        else:
            self._search.tell(job.trial, "failed", None)

    def _no_such_metric(self, job: Job, run: RunFolder, known: list[bool]) -> str:
        """A search learns nothing without it: better to stop at its first job than at its last."""
        missing = self._objectives[known.index(False)].metric
        names = metric_names(read_metrics(run.metrics), read_json(run.results))
        near = nearest(missing, names)
        hint = f". Did you mean {near}?" if near else f"; it has {', '.join(names)}"
        return f"sweep.metric: job {job.number:04d} has finished without a {missing}{hint}"
