"""What grows in a run, from its config: what is wrong with it, and how much a run reads. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from gpt_exp.config.feasibility import get, indivisible
from gpt_exp.config.keys import META
from gpt_exp.config.problem import Problem
from gpt_exp.config.several import BLEND
from gpt_exp.config.several import MODULE as MULTI_TASK
from gpt_exp.growth.growth import Growth

OF_TEXT = "gpt_exp.module.pretraining.Pretraining"
KEYS = {"context_length": "model.context_length", "batch_size": "batch_size"}  # And what they grow up to.


class Span(NamedTuple):
    """Steps that are alike."""

    num_steps: int
    batch_size: int
    context_length: int


def growth_of(config: Mapping[str, Any]) -> Growth:
    """Of a resolved config; without any growth where it has none."""
    return Growth(**{key: value for key, value in (config.get("growth") or {}).items() if key not in META})


def problems(config: dict[str, Any]) -> Iterable[Problem]:
    """Everything that is wrong with the growth of a resolved training config."""
    growth, module = config.get("growth") or {}, get(config, "module._target_")
    if growth.get("context_length") and module not in (OF_TEXT, None):
        yield Problem("growth.context_length", "cuts sequences of text, and this module learns from records")
    if growth.get("batch_size") and module == MULTI_TASK:
        yield Problem("growth.batch_size", "module=multi_task mixes its tasks in batches of one size")
    if growth.get("batch_size") and get(config, "data._target_") == BLEND:
        yield Problem("growth.batch_size", "data=blend mixes its sources in batches of one size")
    for name, own in KEYS.items():
        final = get(config, own)
        if growth.get(name) and isinstance(final, int):
            yield from _values(config, name, final)


def _values(config: dict[str, Any], name: str, final: int) -> Iterator[Problem]:
    growth = growth_of(config)
    try:
        phases = growth.batch_sizes(final) if name == "batch_size" else growth.context_lengths(final)
    except ValueError as error:
        key, _, message = str(error).partition(": ")
        yield Problem(key, message)
    except TypeError:
        return  # Told with the signatures.
    else:
        if name == "batch_size":
            found = indivisible(config, "growth.batch_size", phases.values)
            yield from (each._replace(suggestion="") for each in found)


def spans(config: dict[str, Any], context_length: int) -> list[Span]:
    """All steps of a resolved config that has no problems, those that are alike together."""
    growth, num_steps = growth_of(config), get(config, "trainer.max_steps", 1)
    sizes, lengths = growth.batch_sizes(config["batch_size"]), growth.context_lengths(context_length)
    changes = {step for step in (*sizes.steps, *lengths.steps) if step < num_steps}
    return [
        Span(end - start, sizes.at(start), lengths.at(start))
        for start, end in pairwise([*sorted(changes), num_steps])
    ]
