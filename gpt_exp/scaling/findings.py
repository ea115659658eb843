"""What a scaling study found: the law, how well it predicts, and what it advises for a budget."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gpt_exp.run import durable
from gpt_exp.scaling.law import EXPONENTS, HUBER_DELTA, LEAST_TERM, Fit, Law, fit_with_bootstrap, quantiles
from gpt_exp.scaling.options import Option, nearest_option
from gpt_exp.scaling.run import Run, plain_config, vocabulary
from gpt_exp.scaling.study import Study

NAMES = ("E", "A", "B", "alpha", "beta")
JUDGED = ("E", "alpha", "beta")  # A and B only follow the exponents.
MOST_RATIO = 2.0  # Of an interval's ends: what is wider leaves a parameter undetermined.
BUDGETS = (1, 10, 100)  # Times the largest run's FLOPs, where none are asked for.


class Parameter(NamedTuple):
    """One of the law's five numbers, with the ends of its bootstrap interval."""

    name: str
    value: float
    low: float
    high: float
    is_determined: bool  # Whether the runs say more of it than the limits of the search do.


class Prediction(NamedTuple):
    """A run's loss as the law has it, with the interval that a run of this kind should fall in."""

    run: Run
    loss: float
    low: float
    high: float
    is_held_out: bool

    @property
    def error(self) -> float:
        """Predicted minus measured, in nats."""
        return self.loss - self.run.loss

    @property
    def percent(self) -> float:
        return 100 * self.error / self.run.loss

    @property
    def is_inside(self) -> bool:
        return self.low <= self.run.loss <= self.high


class Recommendation(NamedTuple):
    """The best use of a budget; (low, high) of the bootstrap behind each number."""

    flops: float
    N: float
    N_interval: tuple[float, float]
    D: float
    D_interval: tuple[float, float]
    loss: float
    loss_interval: tuple[float, float]
    option: Option | None  # The model option of about this size.

    @property
    def tokens_per_parameter(self) -> float:
        return self.D / self.N


class Findings(NamedTuple):
    study: Study
    counted: str  # gpt_exp.scaling.run.PARAMETERS
    level: float
    fit: Fit
    parameters: list[Parameter]
    predictions: list[Prediction]
    recommendations: list[Recommendation]
    remarks: list[str]

    @property
    def held_out(self) -> list[Prediction]:
        return [each for each in self.predictions if each.is_held_out]

    @property
    def law(self) -> Law:
        return self.fit.law


def analyse(
    study: Study,
    *,
    parameters: str = "total",
    flops: Sequence[float] = (),
    bootstrap: int = 200,
    level: float = 0.9,
    seed: int = 0,
    delta: float = HUBER_DELTA,
) -> Findings:
    """Fit the law to the study's runs that are not held out, and read all from it; raises UserError."""
    fit = fit_with_bootstrap([run.point for run in study.fitted], bootstrap, seed, delta=delta)
    found = [_parameter(fit, name, level) for name in NAMES]
    budgets = flops or [times * max(run.flops for run in study.runs) for times in BUDGETS]
    first = study.fitted[0]
    vocab_size = vocabulary(first.folder, plain_config(first.folder))
    return Findings(
        study=study,
        counted=parameters,
        level=level,
        fit=fit,
        parameters=found,
        predictions=[_prediction(fit, run, level, run in study.held_out) for run in study.runs],
        recommendations=[_recommendation(fit, each, level, vocab_size, parameters) for each in budgets],
        remarks=[*study.remarks, *_undetermined(found)],
    )


def _parameter(fit: Fit, name: str, level: float) -> Parameter:
    low, high = quantiles([getattr(law, name) for law in fit.laws], level)
    return Parameter(name, getattr(fit.law, name), low, high, _is_determined(fit, name, low, high))


def _is_determined(fit: Fit, name: str, low: float, high: float) -> bool:
    sizes, budgets = (len({point[axis] for point in fit.points}) for axis in (0, 1))
    if (name in ("E", "alpha") and sizes < 3) or (name in ("E", "beta") and budgets < 3):
        return False  # Two values of a curve with three numbers.
    least, most = _limits(fit, name)
    at_limit = low <= least * 1.001 or high >= most / 1.001
    return name not in JUDGED or (high <= MOST_RATIO * low and not at_limit)


def _limits(fit: Fit, name: str) -> tuple[float, float]:
    """What the search keeps a number in; E depends on the losses of the runs that were drawn."""
    losses = [point.loss for point in fit.points]
    return (LEAST_TERM * max(losses), min(losses)) if name == "E" else EXPONENTS


def _prediction(fit: Fit, run: Run, level: float, is_held_out: bool) -> Prediction:
    return Prediction(run, fit.law.loss(run.N, run.D), *fit.interval(run.N, run.D, level), is_held_out)


def _recommendation(fit: Fit, flops: float, level: float, vocab_size: int, parameters: str) -> Recommendation:
    N, D = map(float, fit.law.optimal(flops))
    sizes, tokens = np.array([law.optimal(flops) for law in fit.laws]).T
    return Recommendation(
        flops=flops,
        N=N,
        N_interval=quantiles(sizes, level),
        D=D,
        D_interval=quantiles(tokens, level),
        loss=float(fit.law.loss(N, D)),
        loss_interval=fit.interval(N, D, level),
        option=nearest_option(N, vocab_size, parameters),
    )


def _undetermined(parameters: Sequence[Parameter]) -> list[str]:
    names = [each.name for each in parameters if not each.is_determined]
    if not names:
        return []
    many = " and ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])} and {names[-1]}"
    return [
        f"{many} {'is' if len(names) == 1 else 'are'} not determined by these runs: predictions "
        "near them hold better than the law's own numbers, and far ones hold little"
    ]


def save(findings: Findings, path: Path) -> None:
    """The numbers as JSON, for other programs."""
    durable.write_file(path, json.dumps(as_dict(findings), indent=1) + "\n")


def as_dict(findings: Findings) -> dict[str, Any]:
    return {
        "parameters": findings.counted,
        "level": findings.level,
        "law": {
            each.name: each._asdict() | {"determined": each.is_determined} for each in findings.parameters
        },
        "runs": [
            {
                "run": str(each.run.folder.path),
                "N": each.run.N,
                "D": each.run.D,
                "loss": each.run.loss,
                "predicted": each.loss,
                "interval": [each.low, each.high],
                "held_out": each.is_held_out,
            }
            for each in findings.predictions
        ],
        "recommendations": [
            each._asdict() | {"option": each.option and each.option.name} for each in findings.recommendations
        ],
        "bootstrap": [vars(law) for law in findings.fit.laws],
        "remarks": findings.remarks,
    }
