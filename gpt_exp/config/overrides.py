"""Command-line overrides: read, checked against the keys that exist, and spelt as Hydra wants them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from gpt_exp.config.keys import known_keys, takes
from gpt_exp.config.nearest import nearest
from gpt_exp.config.problem import Problem, refuse

COMMAND_LINE = "command line"
HOME = re.compile(r"([=\[,]\s*)~/")


def parse(texts: Iterable[str]) -> list[Override]:
    """Hydra's reading of each override; a `UserError` for what is none."""
    parser, found, problems = OverridesParser.create(), [], []
    for text in map(at_home, texts):
        try:
            found.append(parser.parse_override(text))
        except (HydraException, ValueError, RecursionError):
            hint = (
                "quote the value, as in 'key=\"a, b\"'" if "=" in text else "an override is written key=value"
            )
            problems.append(Problem(repr(text), f"cannot be read: {hint}", COMMAND_LINE))
    refuse(problems)
    return found


def at_home(text: str) -> str:
    """`~/` as the home folder at the start of a value, where Hydra's grammar has no `~`."""
    return HOME.sub(lambda found: f"{found[1]}{Path.home()}/", text)


def quoted(text: str) -> str:
    """As Hydra's grammar takes any text."""
    return "'" + text.replace("'", "\\'") + "'"


def chooses_option(override: Override, groups: dict[str, list[str]]) -> bool:
    """Whether this names an option of a group, and not a value."""
    return override.key_or_group in groups and not isinstance(override.value(), dict)


def option_problems(overrides: Iterable[Override], groups: dict[str, list[str]]) -> list[Problem]:
    """Options that do not exist."""
    found = []
    for override in overrides:
        group, value = override.key_or_group, override.value()
        if not chooses_option(override, groups) or override.is_delete():
            continue
        for option in value if isinstance(value, list) else ["null"] if value is None else [value]:
            if str(option) not in groups[group]:
                offered = ", ".join(option for option in groups[group] if not option.startswith("_"))
                near = nearest(str(option), groups[group])
                suggestion = f"{group}={near}" if near else ""
                message = f"no such option; there is {offered}"
                found.append(Problem(f"{group}={option}", message, COMMAND_LINE, suggestion))
    return found


def key_problems(
    overrides: list[Override], config: dict[str, Any], groups: dict[str, list[str]], read: set[str]
) -> list[Problem]:
    """Keys that nothing takes, also behind `+`; `read` holds the keys that interpolations name."""
    made = {
        o.key_or_group.removesuffix("._target_") for o in overrides if o.key_or_group.endswith("._target_")
    }
    found = []
    for override in overrides:
        key = override.key_or_group
        of_new_node = any(key == node or key.startswith(f"{node}.") for node in made)
        new_node = isinstance(value := override.value(), dict) and "_target_" in value
        if of_new_node or new_node or takes(config, key, groups) or key in read:
            continue
        near = nearest(key, [*known_keys(config), *groups])
        found.append(Problem(key, "no such key", COMMAND_LINE, near))
    return found


def spelt(override: Override, exists: bool) -> str:
    """The override for Hydra: `++` where no YAML mentions the key, or those of a whole mapping."""
    line = override.input_line
    assert line is not None
    is_known = exists and not isinstance(override.value(), dict)
    return line if is_known or line.startswith(("+", "~")) else f"++{line}"
