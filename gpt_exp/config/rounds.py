"""Stages that are repeated, round after round.

    rounds:
      repeat: 2
      stages: {label: {...}, train: {...}}

is label_1, train_1, label_2, train_2. In their values {round} is the number of the round, {before} one less;
what then reads as a number is one: "{round}000".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from gpt_exp.errors import UserError

REPEAT, STAGES = "repeat", "stages"


class Listed(NamedTuple):
    """A stage as the file has it."""

    keys: Any
    place: tuple[str, ...]  # Where its keys are written, below `stages`.


def one_by_one(
    stages: Mapping[str, Any], repeats: Mapping[str, str], file: str
) -> Iterator[tuple[str, Listed]]:
    """All stages by name; `repeats` are the command line's numbers by group. UserError for an odd group."""
    for name, keys in stages.items():
        if not isinstance(keys, Mapping) or REPEAT not in keys:
            yield name, Listed(keys, (name,))
            continue
        inner = keys.get(STAGES)
        if set(keys) != {REPEAT, STAGES} or not isinstance(inner, Mapping) or not inner:
            raise UserError(f"stages.{name}: what repeats has the keys repeat and stages ({file})")
        for number in range(1, _times(name, repeats.get(name, keys[REPEAT]), file) + 1):
            for each, own in inner.items():
                yield f"{each}_{number}", Listed(_of_round(own, number), (name, STAGES, each))


def _times(name: str, given: Any, file: str) -> int:
    times = int(given) if str(given).isdigit() else 0
    if times < 1:
        raise UserError(f"stages.{name}.{REPEAT}: {given} must be a number of rounds, at least 1 ({file})")
    return times


def _of_round(value: Any, number: int) -> Any:
    if isinstance(value, Mapping):
        return {key: _of_round(inner, number) for key, inner in value.items()}
    if isinstance(value, list):
        return [_of_round(inner, number) for inner in value]
    if isinstance(value, str):
        said = value.replace("{round}", str(number)).replace("{before}", str(number - 1))
        return said if said == value else _read(said)
    return value


def _read(text: str) -> Any:
    """A number, or the text."""
    if not re.fullmatch(r"-?\d+(\.\d+)?", text):
        return text
    return float(text) if "." in text else int(text)
