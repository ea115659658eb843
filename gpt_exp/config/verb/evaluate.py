"""What no evaluation can do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from gpt_exp.config.feasibility import get
from gpt_exp.config.growing import OF_TEXT
from gpt_exp.config.nearest import nearest
from gpt_exp.config.problem import Problem
from gpt_exp.config.several import alone, chosen
from gpt_exp.config.split_names import split_names
from gpt_exp.config.verbs import Config, at_least, of_precision, of_run
from gpt_exp.errors import UserError
from gpt_exp.run.folder import RunFolder


def problems(config: Config) -> Iterator[Problem]:
    if bool(config.get("run")) == (config.get("model") is not None):
        both = "and model= are two models: give one of them" if config.get("run") else "needs a run's folder"
        yield Problem("run", f"{both}, as in run=outputs/...; or model=hf model.path=FOLDER")
        return
    yield from of_run(config, "run")
    yield from at_least(config, "batch_size", 1)
    yield from at_least(config, "shots", 0)
    yield from _limit(config)
    yield from of_precision(config)
    if config.get("lm_eval") and config.get("against"):
        yield Problem("against", "compares answers to splits, and lm_eval=[...] has none")
    yield from _splits(config)


def _limit(config: Config) -> Iterator[Problem]:
    limit = config.get("limit")
    is_share = isinstance(limit, float) and 0 < limit <= 1
    is_number = isinstance(limit, int) and not isinstance(limit, bool) and limit > 0
    if limit is not None and not (is_share or is_number):
        yield Problem("limit", f"{limit} must be a number of records, or a share above 0 and at most 1")
    elif limit is not None and config.get("lm_eval"):
        yield Problem("limit", "is of splits, and lm_eval=[...] has none", "", "lm_eval_limit")


def _splits(config: Config) -> Iterator[Problem]:
    """Those that the run's records do not have, where their config tells which there are."""
    asked, run = config.get("splits"), _run(config)
    if not isinstance(asked, list) or config.get("task") or get(run, "module._target_") in (None, OF_TEXT):
        return  # Text is divided otherwise.
    known = split_names(config.get("data") or run.get("data"))
    for name in map(str, asked):
        if known is not None and name not in known:
            near = nearest(name, known)
            message = f"the data have {', '.join(known)}, not {name}"
            yield Problem("splits", message, "", near and f"splits=[{near}]")


def _run(config: Config) -> Config:
    """The resolved config of the run, or of its task `of`; nothing where that is told elsewhere."""
    try:
        run = RunFolder.open(Path(str(config.get("run"))).expanduser()).config()
        name = chosen(run, config.get("of"), "of")
    except UserError:
        return {}
    plain: Any = OmegaConf.to_container(alone(run, name) if name else run, resolve=True)
    return plain
