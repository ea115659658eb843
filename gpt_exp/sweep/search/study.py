"""Optuna's side of a search: the study and where it is kept, its sampler and pruner, how it draws a value."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from gpt_exp.config.targets import is_allowed
from gpt_exp.errors import UserError
from gpt_exp.sweep.settings import Settings
from gpt_exp.sweep.space.parameter import Parameter
from gpt_exp.sweep.space.space import Space

if TYPE_CHECKING:
    from optuna import Study
    from optuna.samplers import BaseSampler
    from optuna.storages import BaseStorage
    from optuna.trial import Trial


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Optuna from telling of each trial, of what is experimental, of what it draws independently."""
    import optuna

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(level)


def open_study(space: Space, settings: Settings, journal: Path, name: str) -> Study:
    """The study of a sweep NAME/TIME, made where it is not there yet; in a shared storage it is called NAME.

    Raises UserError where the study is another search's.
    """
    import optuna
    from optuna.study import StudyDirection

    study = optuna.create_study(
        storage=_opened(settings.storage, journal),
        study_name=name.partition("/")[0] if settings.storage else name,
        directions=[StudyDirection[objective.direction.upper()] for objective in settings.objectives],
        pruner=_pruner(settings.pruner),
        load_if_exists=True,
    )
    of_this = {
        "parameters": sorted(parameter.text for parameter in space.parameters),
        "objectives": [list(objective) for objective in settings.objectives],
    }
    for what, this in of_this.items():
        if (there := study.user_attrs.get(what)) is None:
            study.set_user_attr(what, this)
        elif there != this:
            place = settings.storage or journal
            raise UserError(f"{place} holds a search {study.study_name} of other {what}: sweep.storage=...")
    study.set_metric_names([objective.metric for objective in settings.objectives])
    return study


def _opened(shared: str | None, journal: Path) -> BaseStorage:
    """Raises UserError for a shared one that can't be had."""
    try:
        return _storage(shared, journal)
    except Exception as error:  # Each kind of storage has its own.
        if shared is None:
            raise
        raise UserError(f"sweep.storage={shared}: {' '.join(str(error).split())[:200]}") from error


def _storage(shared: str | None, journal: Path) -> BaseStorage:
    from optuna.storages import JournalStorage, get_storage
    from optuna.storages.journal import JournalFileBackend

    if shared is not None and "://" in shared:
        return get_storage(shared)
    if shared is not None:
        journal = Path(shared)
    else:
        _mend(journal)
    journal.parent.mkdir(parents=True, exist_ok=True)
    return JournalStorage(JournalFileBackend(str(journal)))


def _mend(journal: Path) -> None:
    """Clear what a killed manager may leave: half a line, and a lock, for which Optuna would wait."""
    Path(f"{journal}.lock").unlink(missing_ok=True)
    written = journal.read_bytes() if journal.exists() else b""
    if (whole := written.rfind(b"\n") + 1) < len(written):
        os.truncate(journal, whole)


def _pruner(node: Mapping[str, Any] | None) -> Any:
    from optuna.pruners import HyperbandPruner, NopPruner

    pruner = NopPruner() if node is None else build(node, "sweep.pruner")
    if node is not None and isinstance(pruner, HyperbandPruner):
        if (factor := node.get("reduction_factor", 3)) < 2:
            raise UserError(f"sweep.pruner.reduction_factor must be at least 2, not {factor}")
        least, most = node.get("min_resource", 1), node.get("max_resource", "auto")
        if most != "auto" and least > most:
            raise UserError(f"sweep.pruner.min_resource={least} is above sweep.pruner.max_resource={most}")
    return pruner


def sampler_of_trial(node: Mapping[str, Any], number: int) -> BaseSampler:
    """What it draws follows from its seed, the trial's number and the results, also after a restart."""
    if node.get("seed") is None:
        return build(node, "sweep.sampler")
    own = Random(f"{node['seed']} {number}").getrandbits(32)
    if node["_target_"].endswith(
        ".QMCSampler"
    ):  # Its seed makes one sequence, from which trials take their parts.
        apart = {"_target_": "optuna.samplers.RandomSampler", "seed": own}
        return build({"independent_sampler": apart, **node}, "sweep.sampler")
    return build({**node, "seed": own}, "sweep.sampler")


def build(node: Any, where: str) -> Any:
    """The object that a config node names, with those inside of it."""
    if not isinstance(node, Mapping) or "_target_" not in node:
        return node
    arguments = {key: build(value, f"{where}.{key}") for key, value in node.items() if key != "_target_"}
    target = node["_target_"]
    if not is_allowed(target):
        raise UserError(f"{where}._target_: {target!r} is not in a package that a config may call")
    module, _, name = target.rpartition(".")
    try:
        return getattr(import_module(module), name)(**arguments)
    except (TypeError, ValueError, ImportError) as error:
        raise UserError(f"{where}: {' '.join(str(error).split())}") from error


def refuse_unfit(space: Space, settings: Settings) -> None:
    """Raise a UserError where the sampler would silently draw at random instead."""
    if not settings.sampler["_target_"].endswith(".CmaEsSampler"):
        return
    for parameter in space.parameters:
        if parameter.conditions or parameter.is_list:
            what = "conditions" if parameter.conditions else "lists of values"
            raise UserError(f"{parameter.text}: CMA-ES knows numbers, but no {what}; sweep=tpe does")
    if len(space.parameters) < 2:
        raise UserError(
            "CMA-ES needs at least two parameters with an interval(...); sweep=tpe takes any number"
        )
    if len(settings.objectives) > 1:
        raise UserError("CMA-ES has one objective; sweep=multi_objective takes several")


def suggest(trial: Trial, parameter: Parameter) -> str:
    """A value as spelt, drawn by the study's sampler."""
    name, log = parameter.name, parameter.log
    if parameter.is_list:
        return trial.suggest_categorical(name, parameter.values)
    if not parameter.is_interval:
        return _suggest_of_range(trial, parameter, abs(parameter.step or 1))
    if parameter.is_whole:
        return str(trial.suggest_int(name, int(parameter.low), int(parameter.high), log=log))
    return repr(trial.suggest_float(name, parameter.low, parameter.high, log=log))


def _suggest_of_range(trial: Trial, parameter: Parameter, step: float) -> str:
    low, *_, high = sorted(as_drawn(parameter, value) for value in (*parameter.values, parameter.values[0]))
    if parameter.is_whole:
        return str(trial.suggest_int(parameter.name, low, high, step=int(step), log=parameter.log))
    drawn = trial.suggest_float(parameter.name, low, high, step=step)
    return min(parameter.values, key=lambda value: abs(float(value) - drawn))


def as_drawn(parameter: Parameter, value: str) -> Any:
    """What the study has where `suggest` gives this spelling."""
    if parameter.is_list:
        return value
    return int(value) if parameter.is_whole else float(f"{float(value):.12g}")  # 0.30000000000000004
