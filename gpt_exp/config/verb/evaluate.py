"""What no evaluation can do."""

from __future__ import annotations

from collections.abc import Iterator

from gpt_exp.config.problem import Problem
from gpt_exp.config.verbs import Config, at_least, of_precision, of_run


def problems(config: Config) -> Iterator[Problem]:
    if bool(config.get("run")) == (config.get("model") is not None):
        both = "and model= are two models: give one of them" if config.get("run") else "needs a run's folder"
        yield Problem("run", f"{both}, as in run=outputs/...; or model=hf model.path=FOLDER")
        return
    yield from of_run(config, "run")
    yield from at_least(config, "batch_size", 1)
    yield from at_least(config, "shots", 0)
    yield from of_precision(config)
    if config.get("lm_eval") and config.get("against"):
        yield Problem("against", "compares answers to splits, and lm_eval=[...] has none")
