"""Why a pruner stops a job, in words: the value that it compared, and with what."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING, Any

from gpt_exp.page.numbers import several

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

PARTS = {2: "half", 3: "third", 4: "quarter"}


def reason(study: Study, trial: FrozenTrial) -> str:
    """Of a trial that the study's pruner has just refused at its last step."""
    from optuna.pruners import HyperbandPruner, PercentilePruner, SuccessiveHalvingPruner

    pruner: Any = study.pruner
    step = trial.last_step
    assert step is not None
    value, told = trial.intermediate_values[step], ""
    if isnan(value):
        return f"{value} at step {step:,}"
    if isinstance(pruner, PercentilePruner):
        told = _by_percentile(study, trial, step, pruner._percentile)
    elif isinstance(pruner, HyperbandPruner | SuccessiveHalvingPruner):
        told = _by_rung(study, trial, step, pruner._reduction_factor)
    return told or f"{type(pruner).__name__} at step {step:,}: {value:.4g}"


def _by_percentile(study: Study, trial: FrozenTrial, step: int, percentile: float) -> str:
    """The best value so far against the finished jobs' at this step."""
    import numpy as np
    from optuna.trial import TrialState

    maximize = _is_maximized(study)
    finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    others = [t.intermediate_values[step] for t in finished if step in t.intermediate_values]
    limit = float(np.nanpercentile(others, 100 - percentile if maximize else percentile))
    best = (np.nanmax if maximize else np.nanmin)(list(trial.intermediate_values.values()))
    what = "the median" if percentile == 50 else f"the best {percentile:g} %"
    compared = _compared(float(best), limit, maximize)
    return f"worse than {what} of {several(len(others), 'job')} at step {step:,}: {compared}"


def _by_rung(study: Study, trial: FrozenTrial, step: int, reduction_factor: int) -> str:
    """The value against all that came to the same rung of its bracket; "" where that was not the cause."""
    from optuna.pruners import _filter_study

    rungs = [key for key in trial.system_attrs if key.startswith("completed_rung_")]
    if not rungs:
        return ""
    rung, maximize = max(rungs, key=lambda key: int(key.rpartition("_")[2])), _is_maximized(study)
    bracket = _filter_study(study, trial).get_trials(deepcopy=False)
    reached = sorted((t.system_attrs[rung] for t in bracket if rung in t.system_attrs), reverse=maximize)
    value, limit = trial.system_attrs[rung], reached[max(len(reached) // reduction_factor, 1) - 1]
    if value == limit:
        return ""
    part = PARTS.get(reduction_factor, f"1/{reduction_factor}")
    compared = _compared(value, limit, maximize)
    return f"not in the best {part} of {several(len(reached), 'job')} at step {step:,}: {compared}"


def _is_maximized(study: Study) -> bool:
    return study.direction.name == "MAXIMIZE"


def _compared(value: float, limit: float, maximize: bool) -> str:
    """With as many digits as it takes to see the difference."""
    digits = next(n for n in (3, 4, 6, 17) if n == 17 or f"{value:.{n}g}" != f"{limit:.{n}g}")
    return f"{value:.{digits}g} {'<' if maximize else '>'} {limit:.{digits}g}"
