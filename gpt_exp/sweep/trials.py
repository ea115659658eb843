"""A sweep's jobs as Optuna's trials, so that its importances and plots work for grids as for searches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import isfinite
from typing import TYPE_CHECKING

from gpt_exp.run.lines import read_metrics
from gpt_exp.run.summary import reached
from gpt_exp.sweep.folder import SETTLED, Job, Objective, SweepFolder
from gpt_exp.sweep.leaderboard import Value, settings

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

WIDE = 30.0  # Values that are this many times apart are drawn on a logarithmic axis.

Space = dict[str, "BaseDistribution"]


def study(folder: SweepFolder) -> Study:
    """A study in memory of the jobs that have come to an end."""
    import optuna
    from optuna.study import StudyDirection

    from gpt_exp.sweep.study import quiet

    objectives = folder.objectives()
    with quiet():
        made = optuna.create_study(
            directions=[StudyDirection[objective.direction.upper()] for objective in objectives]
        )
        made.set_metric_names([objective.metric for objective in objectives])
        made.add_trials(trials(folder)[1])
    return made


def trials(folder: SweepFolder) -> tuple[Space, list[FrozenTrial]]:
    """What each parameter was given, and a trial for each job that has come to an end."""
    jobs, objectives = folder.jobs(), folder.objectives()
    given = {job.number: settings(job) for job in jobs}
    space = _space(list(given.values()))
    ended = [job for job in jobs if job.state in SETTLED]
    return space, [_trial(folder, job, given[job.number], space, objectives) for job in ended]


def _space(given: Sequence[Mapping[str, Value]]) -> Space:
    keys = dict.fromkeys(key for each in given for key in each)
    return {key: _distribution([each[key] for each in given if key in each]) for key in keys}


def _distribution(values: list[Value]) -> BaseDistribution:
    """Numbers as a range, words as choices."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    numbers = [value for value in values if not isinstance(value, str)]
    if len(numbers) < len(values) or len(set(numbers)) == 1:
        return CategoricalDistribution(list(dict.fromkeys(values)))
    low, high = min(numbers), max(numbers)
    log = low > 0 and high / low >= WIDE
    if all(isinstance(value, int) for value in numbers):
        return IntDistribution(int(low), int(high), log=log)
    return FloatDistribution(low, high, log=log)


def _trial(
    folder: SweepFolder, job: Job, given: Mapping[str, Value], space: Space, objectives: Sequence[Objective]
) -> FrozenTrial:
    from optuna.trial import TrialState, create_trial

    run = folder.run(job)
    found = [reached(run, each.metric, each.mode) for each in objectives]
    values = [each.best for each in found if each is not None and isfinite(each.best)]
    is_whole = len(values) == len(objectives)
    states = {"finished": TrialState.COMPLETE if is_whole else TrialState.FAIL, "pruned": TrialState.PRUNED}
    state = states.get(job.state, TrialState.FAIL)
    metric = objectives[0].metric
    points = {each["step"]: each[metric] for each in read_metrics(run.metrics) if metric in each}
    trial = create_trial(
        state=state,
        values=values if state is TrialState.COMPLETE else None,
        params=dict(given),
        distributions={key: space[key] for key in given},
        intermediate_values=points if len(objectives) == 1 else {},
        user_attrs={"run": str(run.path), **({"reason": job.reason} if job.reason else {})},
    )
    trial.number = job.number
    if job.attempts and (ended := job.attempts[-1].ended):
        trial.datetime_start = datetime.fromtimestamp(job.attempts[0].started)
        trial.datetime_complete = datetime.fromtimestamp(ended)
    return trial
