"""What cannot be labelled."""

from __future__ import annotations

from collections.abc import Iterator

from gpt_exp.config.problem import Problem
from gpt_exp.config.verbs import Config, at_least, of_precision, of_run


def problems(config: Config) -> Iterator[Problem]:
    yield from of_run(config, "run")
    if config.get("data") is None:
        yield Problem("data", "the records to answer, as in data=jsonl data.train=records.jsonl")
    confidence = config.get("confidence")
    if isinstance(confidence, int | float) and not 0 <= confidence <= 1:
        yield Problem("confidence", f"{confidence} must be between 0 and 1")
    yield from at_least(config, "top", 1)
    yield from at_least(config, "batch_size", 1)
    yield from of_precision(config)
