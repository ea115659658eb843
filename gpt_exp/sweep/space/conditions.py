"""Parameters that only some jobs have: tag(optimizer:muon, ...) is there where the optimizer is muon.

Several values of one key mean any of them, several keys mean all of them. A key may be given several times,
with conditions of which no job meets two: a learning rate of its own for each optimizer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

from gpt_exp.config.nearest import nearest
from gpt_exp.config.overrides import COMMAND_LINE
from gpt_exp.config.problem import Problem, refuse
from gpt_exp.sweep.space.parameter import LOG, Parameter, is_condition, key_of, read_value

Known = Mapping[str, Mapping[str, str]]  # Key -> what Hydra reads -> how it is spelt.


def with_conditions(parameters: Sequence[Parameter], fixed: Sequence[Any]) -> list[Parameter]:
    """The parameters with the conditions that their tags tell, each behind those that decide on it.

    `fixed` are Hydra's other overrides, which a condition may name too. Raises all mistakes together.
    """
    swept = _values_of(parameters)
    known = {**_values_of_fixed(fixed), **swept}
    problems: list[Problem] = []
    found = []
    for parameter in parameters:
        told = [_told(parameter, tag, known, problems) for tag in parameter.tags if tag != LOG]
        found.append(replace(parameter, conditions=_joined(told, swept)))
    refuse(problems)
    refuse(_clashes(found))
    return _in_order([_named(parameter, found) for parameter in found])


def _values_of(parameters: Sequence[Parameter]) -> dict[str, dict[str, str]]:
    """What is known of each swept key; nothing of an interval's values."""
    values: dict[str, dict[str, str]] = {}
    for parameter in parameters:
        spelt = {repr(read_value(text)): text for text in parameter.values}
        values.setdefault(parameter.key, {}).update(spelt)
    return values


def _values_of_fixed(overrides: Sequence[Any]) -> dict[str, dict[str, str]]:
    return {key_of(o): {repr(o.value()): str(o.input_line).partition("=")[2]} for o in overrides}


def _told(parameter: Parameter, tag: str, known: Known, problems: list[Problem]) -> tuple[str, str] | None:
    """A tag's key and value, as spelt in the sweep; None where it is wrong."""

    def wrong(message: str, suggestion: str) -> None:
        problems.append(Problem(parameter.text, message, COMMAND_LINE, suggestion))

    key, _, text = tag.partition(":")
    if not is_condition(tag):
        likely = {value: f"{key}:{value}" for key in known for value in known[key].values()}
        near = nearest(tag, [LOG, *likely]) if tag not in likely else tag
        wrong(f"the tag {tag} means nothing; there is log, and KEY:VALUE", likely.get(near, near))
    elif key not in known:
        near = nearest(key, known)
        wrong(f"the tag {tag} names no override of this command", near and f"{near}:{text}")
    elif not known[key]:
        wrong(f"the tag {tag} names an interval; a condition needs a list of values", "")
    elif (value := repr(read_value(text))) not in known[key]:
        there = known[key].values()
        near = nearest(text, there)
        wrong(f"{key} is never {text} in this sweep; there is {', '.join(there)}", near and f"{key}:{near}")
    else:
        return key, known[key][value]
    return None


def _joined(told: Sequence[tuple[str, str] | None], swept: Known) -> dict[str, frozenset[str]]:
    """Any of the values of one key; one that is fixed is met by every job and can be left out."""
    conditions: dict[str, frozenset[str]] = {}
    for key, value in filter(None, told):
        if key in swept:
            conditions[key] = conditions.get(key, frozenset()) | {value}
    return conditions


def _clashes(parameters: Sequence[Parameter]) -> list[Problem]:
    """Parameters of one key that some job would have both."""
    return [
        Problem(second.text, "sets in some jobs what another override sets too", COMMAND_LINE)
        for first, second in combinations(parameters, 2)
        if first.key == second.key
        and not any(
            first.conditions[key].isdisjoint(second.conditions[key])
            for key in first.conditions.keys() & second.conditions.keys()
        )
    ]


def _named(parameter: Parameter, every: Sequence[Parameter]) -> Parameter:
    if sum(other.key == parameter.key for other in every) == 1:
        return parameter
    conditions = ", ".join(filter(is_condition, parameter.tags))
    return replace(parameter, name=f"{parameter.key} ({conditions})")


def _in_order(parameters: list[Parameter]) -> list[Parameter]:
    """As given, but for those that have to wait for what decides on them."""
    waiting, placed = list(parameters), []
    while waiting:
        unknown = {parameter.key for parameter in waiting}
        ready = next((parameter for parameter in waiting if not parameter.conditions.keys() & unknown), None)
        if ready is None:
            refuse([Problem(waiting[0].text, "its condition leads back to itself", COMMAND_LINE)])
        else:
            waiting.remove(ready)
            placed.append(ready)
    return placed
