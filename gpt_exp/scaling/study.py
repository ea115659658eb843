"""The runs of a scaling study: where they are found, what they must share, which of them are held out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from math import isfinite
from pathlib import Path
from typing import NamedTuple

from gpt_exp.config.feasibility import get
from gpt_exp.errors import UserError
from gpt_exp.run.folder import RunFolder, read_json
from gpt_exp.run.identity import differences
from gpt_exp.scaling.law import Point
from gpt_exp.scaling.run import PARAMETERS, Run, context_length, plain_config, read_run
from gpt_exp.sweep.folder import runs_at

LARGEST = "largest"
# What sets a run's size and budget, in which the runs of a study differ as a matter of course.
MAY_DIFFER = (
    "model",
    "seed",
    "trainer.max_steps",
    "trainer.val_check_interval",
    "trainer.limit_val_batches",
    "schedule.max_steps",
)


class Study(NamedTuple):
    fitted: list[Run]
    held_out: list[Run]
    remarks: list[str]  # What a reader of the result should know about the runs.

    @property
    def runs(self) -> list[Run]:
        return [*self.fitted, *self.held_out]


def read(
    paths: Sequence[str], holdout: str | Sequence[str] | None = LARGEST, parameters: str = "total"
) -> Study:
    """The runs of sweep folders and run folders, those held out apart; raises UserError.

    `holdout`: "largest" for all runs of the most parameters, a size that the fit then has not seen; or
    folders of runs or sweeps, which need not be among `paths`; or None.
    """
    if parameters not in PARAMETERS:
        raise UserError(f"parameters={parameters}: it is {' or '.join(PARAMETERS)}")
    named = [] if holdout in (None, LARGEST) else [holdout] if isinstance(holdout, str) else holdout or []
    apart = runs_at(named)
    folders = runs_at([*paths, *named])
    runs = [
        read_run(folder, name, parameters)
        for folder, name in zip(folders, _names(folders), strict=True)
        if folder.state() == "finished"
    ]
    remarks = _left_out(folders, runs)
    runs = [run for run in runs if isfinite(run.loss)]
    if not runs:
        raise UserError("; ".join(["runs: none of them is finished and knows its val/loss", *remarks]))
    refuse_incomparable(runs)
    keys = {_key(folder) for folder in (_largest(runs) if holdout == LARGEST else apart)}
    repeated = _repeated(sorted(runs, key=lambda run: _key(run.folder) not in keys))
    remarks += [f"{run.name} is left out: it repeats another run, to the last digit" for run in repeated]
    runs = [run for run in runs if run not in repeated]
    held_out = [run for run in runs if _key(run.folder) in keys]
    fitted = [run for run in runs if run not in held_out]
    remarks += [*_settings_that_differ(runs), *_not_evaluated(runs), *_stopped_short(runs)]
    return Study(fitted, held_out, remarks)


def refuse_incomparable(runs: Sequence[Run]) -> None:
    """UserError naming a run whose loss per token is measured on something else than most runs' is."""
    measured = [_measured_on(run) for run in runs]
    usual = dict(Counter(tuple(sorted(each.items())) for each in measured).most_common(1)[0][0])
    for run, each in zip(runs, measured, strict=True):
        if other := [name for name in usual if each[name] != usual[name]]:
            raise UserError(
                f"runs: {run.folder.path} has another {' and another '.join(other)} than the others: "
                "their losses can't be compared"
            )


def _measured_on(run: Run) -> dict[str, str]:
    data, config = read_json(run.folder.data), plain_config(run.folder)
    kept = {
        "data": [data.get("source"), data.get("format")],
        "tokenizer": data.get("tokenizer"),
        "split": data.get("split"),
        "context length": context_length(config),
        "task": get(config, "task._target_"),
    }
    return {name: repr(value) for name, value in kept.items()}


def _key(folder: RunFolder) -> Path:
    return folder.path.resolve()


def _names(folders: Sequence[RunFolder]) -> list[str]:
    """The last part of each path, or as many as tell all of them apart."""
    parts = [_key(folder).parts for folder in folders]
    for length in range(1, 4):
        names = ["/".join(each[-length:]) for each in parts]
        if len(set(names)) == len(names):
            break
    return names


def _largest(runs: Sequence[Run]) -> list[RunFolder]:
    sizes = [run.N for run in runs]
    return [run.folder for run, size in zip(runs, sizes, strict=True) if size == max(sizes)]


def _repeated(runs: Iterable[Run]) -> list[Run]:
    """Those that show what one before them does: given held-out runs first, none of them is fitted again."""
    seen: set[Point] = set()
    repeated = []
    for run in runs:
        if run.point in seen:
            repeated.append(run)
        seen.add(run.point)
    return repeated


def _left_out(folders: Sequence[RunFolder], runs: Sequence[Run]) -> list[str]:
    """A remark for each run that is not finished, or that knows no loss."""
    known = {_key(run.folder): run.loss for run in runs}
    states = {
        _key(folder): f"is {folder.state()}" if _key(folder) not in known else "has no finite val/loss"
        for folder in folders
        if not isfinite(known.get(_key(folder), float("nan")))
    }
    return [f"{key.name} is left out: it {state}" for key, state in states.items()]


def _settings_that_differ(runs: Sequence[Run]) -> list[str]:
    """A remark where the runs differ in more than size and budget: the law then mixes the two."""
    first = runs[0].folder.config()
    keys = {key for run in runs[1:] for key in differences(first, run.folder.config())}
    other = sorted(key for key in keys if not any(f"{key}.".startswith(f"{may}.") for may in MAY_DIFFER))
    return [f"the runs differ not only in size and tokens, but also in {', '.join(other)}"] if other else []


def _not_evaluated(runs: Sequence[Run]) -> list[str]:
    """A remark where the loss is of fewer batches (trainer.limit_val_batches) than the others'."""
    without = [run.name for run in runs if not run.is_evaluated]
    told = "without a final evaluation, and so with the loss of the last validation in training"
    return [f"{told}: {', '.join(without)}"] if without else []


def _stopped_short(runs: Sequence[Run]) -> list[str]:
    """A remark where the best weights are not the last: their schedule had not come to its end."""
    short = [f"{run.name} (step {run.step} of {run.num_steps})" for run in runs if run.step < run.num_steps]
    return [f"evaluated before their schedule had ended: {', '.join(short)}"] if short else []
