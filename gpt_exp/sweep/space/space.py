"""What the overrides of a sweep span, and the jobs in it.

Hydra's grammar says it all: `a,b` and choice() are lists of values, range() are numbers at equal steps,
interval() is everything between two numbers, tag(log, ...) a logarithmic scale, tag(optimizer:muon, ...) a
condition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import prod
from random import Random
from typing import Any, NamedTuple

from gpt_exp.config.overrides import COMMAND_LINE, parse
from gpt_exp.config.problem import Problem, refuse
from gpt_exp.sweep.space.conditions import with_conditions
from gpt_exp.sweep.space.parameter import Parameter, is_condition, key_of, read_parameter, tags_of

ONE_VALUE = "a sweep has one value of it"
NEEDS_SEARCH = "interval(...) needs a search, such as sweep=tpe, or a list of values"

Chosen = dict[str, str]  # Key -> value as spelt, of the parameters that a job has.


class Space(NamedTuple):
    """Overrides that all jobs share, and parameters; what decides on a parameter stands before it."""

    fixed: list[str]
    parameters: list[Parameter]

    def overrides(self, chosen: Mapping[str, str]) -> list[str]:
        """What sets the job with these values apart."""
        return [p.override(chosen[p.key]) for p in self.parameters if p.exists(chosen)]


def read_space(texts: Iterable[str], config_dir: str | None = None) -> Space:
    """The space of a command's overrides; raises its mistakes together, as one `UserError`."""
    given: dict[str, list[Any]] = {}
    for override in parse(texts):
        same = given.setdefault(key_of(override), [])
        if not (same and _go_together(same[-1], override)):
            same.clear()  # As in Hydra the last one counts, in the place of the first.
        same.append(override)
    every = [override for same in given.values() for override in same]
    problems: list[Problem] = []
    parameters = [read_parameter(o, config_dir, problems) for o in every if o.is_sweep_override()]
    problems += [Problem(p.text, ONE_VALUE, COMMAND_LINE) for p in parameters if _has_one_value(p.key)]
    refuse(problems)
    fixed = [override for override in every if not override.is_sweep_override()]
    return Space([str(o.input_line) for o in fixed], with_conditions(parameters, fixed))


def _has_one_value(key: str) -> bool:
    """Whether it is the sweep's or its folders' business, and not a job's."""
    return key.replace("/", ".").partition(".")[0] in ("sweep", "hydra", "name", "paths", "resume")


def _go_together(first: Any, second: Any) -> bool:
    """Fixed overrides of one key are merged by Hydra; swept ones with conditions are of different jobs."""
    if first.is_sweep_override() != second.is_sweep_override():
        return False
    return not first.is_sweep_override() or all(any(map(is_condition, tags_of(o))) for o in (first, second))


def grid(space: Space) -> list[list[str]]:
    """The overrides of every job, the last parameter varying fastest, as in Hydra's own sweeps."""
    refuse(Problem(p.text, NEEDS_SEARCH, COMMAND_LINE) for p in space.parameters if p.is_interval)
    return [space.overrides(chosen) for chosen in every_job(space)]


def every_job(space: Space) -> Iterator[Chosen]:
    """The values in every job of a space that has a size."""
    return _combinations(space.parameters, Parameter.every_value)


def size(space: Space) -> int | None:
    """The number of different jobs; None with an interval of real numbers."""
    if any(parameter.num_values is None for parameter in space.parameters):
        return None
    return _count(space.parameters, lambda parameter: parameter.num_values or 0)


def corners(space: Space, most: int = 300) -> list[list[str]]:
    """Jobs to check before a search: every combination of the lists' values and the intervals' ends.

    Of more than `most` a sample, the same each time, in which all values of a parameter come equally often.
    """
    if _count(space.parameters, lambda parameter: len(parameter.ends())) <= most:
        return [space.overrides(chosen) for chosen in _combinations(space.parameters, Parameter.ends)]
    turns = [_in_turn(parameter.ends(), Random(parameter.name)) for parameter in space.parameters]
    spread = [space.overrides(_next_job(space.parameters, turns)) for _ in range(most)]
    return [list(job) for job in dict.fromkeys(map(tuple, spread))]


def _in_turn(values: Sequence[str], chance: Random) -> Iterator[str]:
    """All values in a random order, and again in another."""
    while True:
        yield from chance.sample(values, len(values))


def _next_job(parameters: Sequence[Parameter], turns: Sequence[Iterator[str]]) -> Chosen:
    chosen: Chosen = {}
    for parameter, turn in zip(parameters, turns, strict=True):
        if parameter.exists(chosen):
            chosen[parameter.key] = next(turn)
    return chosen


def _combinations(
    parameters: Sequence[Parameter],
    values: Callable[[Parameter], Sequence[str]],
    chosen: Chosen | None = None,
) -> Iterator[Chosen]:
    chosen = chosen or {}
    if not parameters:
        yield chosen
        return
    first, *rest = parameters
    for value in values(first) if first.exists(chosen) else ():
        yield from _combinations(rest, values, {**chosen, first.key: value})
    if not first.exists(chosen):
        yield from _combinations(rest, values, chosen)


def _count(parameters: Sequence[Parameter], number: Callable[[Parameter], int]) -> int:
    """How many combinations there are; only the parameters that conditions name are gone through."""
    named = {key for parameter in parameters for key in parameter.conditions}
    deciding = [parameter for parameter in parameters if parameter.key in named]
    others = [parameter for parameter in parameters if parameter.key not in named]
    return sum(
        prod(number(parameter) for parameter in others if parameter.exists(chosen))
        for chosen in _combinations(deciding, Parameter.every_value)
    )
