"""A sweep's jobs as Optuna's trials, so that its importances and plots work for grids as for searches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from gpt_exp.sweep.folder import SETTLED, Objective
from gpt_exp.sweep.leaderboard import Leaderboard, Row
from gpt_exp.sweep.seeds import Value

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

WIDE = 30.0  # Values that are this many times apart are drawn on a logarithmic axis.

Space = dict[str, "BaseDistribution"]


def study(board: Leaderboard) -> Study:
    """A study in memory of the jobs that have come to an end."""
    import optuna
    from optuna.study import StudyDirection

    from gpt_exp.sweep.search.study import quiet

    with quiet():
        made = optuna.create_study(
            directions=[StudyDirection[objective.direction.upper()] for objective in board.objectives]
        )
        made.set_metric_names([objective.metric for objective in board.objectives])
        made.add_trials(trials(board)[1])
    return made


def trials(board: Leaderboard) -> tuple[Space, list[FrozenTrial]]:
    """What each parameter was given, and a trial for each job that has come to an end."""
    rows = sorted(board.rows, key=lambda row: row.job)
    space = _space([row.parameters for row in rows])
    return space, [_trial(row, space, board.objectives) for row in rows if row.state in SETTLED]


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


def _trial(row: Row, space: Space, objectives: Sequence[Objective]) -> FrozenTrial:
    from optuna.trial import TrialState, create_trial

    ended = {"finished": TrialState.COMPLETE if row.values else TrialState.FAIL, "pruned": TrialState.PRUNED}
    state, metric = ended.get(row.state, TrialState.FAIL), objectives[0].metric
    points = {each["step"]: each[metric] for each in row.metrics if metric in each}
    trial = create_trial(
        state=state,
        values=row.values if state is TrialState.COMPLETE else None,
        params=dict(row.parameters),
        distributions={key: space[key] for key in row.parameters},
        intermediate_values=points if len(objectives) == 1 else {},
        user_attrs={"run": row.run, **({"reason": row.reason} if row.reason else {})},
    )
    trial.number = row.job
    if row.span is not None:
        trial.datetime_start, trial.datetime_complete = map(datetime.fromtimestamp, row.span)
    return trial
