"""Verbs that may be stages, and what is wrong with one's config before torch is imported.

A verb with a file in `gpt_exp/config/verb/` is one: that has `problems(config)`. Its root config has
`paths.run`, the folder in which a stage of it writes, and its `main` returns an Outcome (stages/outcome.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from gpt_exp.config import feasibility
from gpt_exp.config import verb as folder
from gpt_exp.config.nearest import nearest
from gpt_exp.config.problem import Problem
from gpt_exp.config.several import chosen
from gpt_exp.errors import UserError
from gpt_exp.run.folder import RunFolder

TRAIN = "train"  # What a stage does that names no verb.
PRECISIONS = ("auto", "32-true", "bf16-mixed", "16-mixed")  # What a trained model is evaluated with.

Config = dict[str, Any]


def of_stages() -> tuple[str, ...]:
    """Every verb that a stage may name."""
    return (TRAIN, *(module.name for module in iter_modules(folder.__path__)))


def problems(verb: str, config: Config) -> Iterable[Problem]:
    """What is wrong with a resolved config of a verb; nothing is known of those without a file."""
    if verb not in of_stages() or verb == TRAIN:
        return []
    return [*import_module(f"{folder.__name__}.{verb}").problems(config), *feasibility.of_data(config)]


def of_run(config: Config, key: str) -> Iterable[Problem]:
    """A key names a run that has weights, among them those of `checkpoint`, and a task that is asked for.

    One that is null, or has a problem of its own, is passed over.
    """
    path = config.get(key)
    if not isinstance(path, str):
        return
    try:
        run = RunFolder.open(Path(path).expanduser())
    except UserError as error:
        yield Problem(key, str(error))
        return
    if not run.checkpoints():
        yield Problem(key, f"{path} has no checkpoint, and so no network")
        return
    try:
        if not str(config["checkpoint"]).startswith("step-"):  # That of a stage is still to be made.
            run.named(str(config["checkpoint"]))
    except UserError as error:
        yield Problem("checkpoint", str(error))
    try:
        if "of" in config:
            chosen(run.config(), config["of"], "of")
    except UserError as error:
        yield Problem("of", re.sub(r"^of\S*: ", "", str(error)))


def at_least(config: Config, key: str, least: int) -> Iterable[Problem]:
    """A key is null or a whole number that is not too small."""
    value = config.get(key)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        yield Problem(key, f"{value!r} must be a whole number, at least {least}")
    elif value is not None and value < least:
        yield Problem(key, f"{value} must be at least {least}")


def of_precision(config: Config) -> Iterable[Problem]:
    precision = str(config.get("precision"))
    if precision not in PRECISIONS:
        near = nearest(precision, PRECISIONS)
        message = f"{precision} must be one of {', '.join(PRECISIONS)}"
        yield Problem("precision", message, "", near and f"precision={near}")
