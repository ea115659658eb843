"""What cannot be said anew."""

from __future__ import annotations

from collections.abc import Iterator

from gpt_exp.config.problem import Problem
from gpt_exp.config.verbs import Config, at_least, of_precision, of_run

DRAWS = "gpt_exp.decoding.sampling.Sampling"


def problems(config: Config) -> Iterator[Problem]:
    yield from of_run(config, "forward")
    yield from of_run(config, "backward")
    yield from at_least(config, "num_paraphrases", 1)
    yield from at_least(config, "batch_size", 1)
    yield from of_precision(config)
    count, decode = config.get("num_paraphrases"), config.get("decode") or {}
    if isinstance(count, int) and count > 1 and decode.get("_target_") != DRAWS:
        yield Problem("num_paraphrases", f"{count} different ones come of decode=sampling alone")
