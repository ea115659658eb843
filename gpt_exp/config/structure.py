"""A composed config against what its parts take: unknown keys, wrong types, missing values, targets."""

from __future__ import annotations

import inspect
from typing import Any

from gpt_exp.config import targets, values
from gpt_exp.config.keys import CLASSES, META, binds, class_of, known_keys, parameters
from gpt_exp.config.nearest import nearest
from gpt_exp.config.problem import Problem
from gpt_exp.config.resolve import UNKNOWN, Resolved
from gpt_exp.config.signatures import Annotation
from gpt_exp.config.stages import STAGES

# Values that we replace before the target sees them; a size that the tokenizer will tell is null.
OUR_OWN = {"trainer.precision": "auto", "model.vocab_size": None}


def problems(resolved: Resolved, root: dict[str, Any], groups: dict[str, list[str]]) -> list[Problem]:
    """Everything that would not fit, in the order of the config.

    `root` is our own root config as its file has it: it says which groups are needed and which keys exist.
    """
    config, found = resolved.config, list(resolved.problems)
    found += _missing_groups(config, root, groups)
    for key, node in config.items():
        if key in groups:
            found += _group(key, node, resolved)
        elif key == STAGES:  # Checked one by one: config/stage_plan.py.
            continue
        elif key not in root:
            found += [] if key in resolved.read else [_unknown(key, config, groups)]
        elif key in CLASSES:
            found += _arguments(key, node, resolved)
        elif key == "tasks" and isinstance(node, dict):
            for name, own in node.items():
                found += _arguments(f"tasks.{name}", own, resolved)
        else:
            found += _plain(key, node, root[key], resolved)
    return _first_causes([*found, *targets.problems(config)], resolved)


def _first_causes(found: list[Problem], resolved: Resolved) -> list[Problem]:
    """Without the problems of values that only repeat, by interpolation, another value's problem."""
    wrong = {problem.key for problem in found}
    first = [p for p in found if not resolved.interpolated.get(p.key, set()) & (wrong - {p.key})]
    return first or found


def _missing_groups(
    config: dict[str, Any], root: dict[str, Any], groups: dict[str, list[str]]
) -> list[Problem]:
    defaults = [entry for entry in root.get("defaults", []) if isinstance(entry, dict)]
    needed = [
        group
        for entry in defaults
        for group, option in entry.items()
        if isinstance(option, str) and group in groups
    ]
    return [
        Problem(
            group, f"choose one of {', '.join(o for o in groups.get(group, ()) if not o.startswith('_'))}"
        )
        for group in needed
        if not isinstance(config.get(group), dict)
    ]


def _group(path: str, node: Any, resolved: Resolved) -> list[Problem]:
    """A part, or named parts side by side (callbacks, loggers)."""
    if not isinstance(node, dict):
        return []
    if "_target_" in node:
        return _arguments(path, node, resolved)
    found = []
    for name, child in node.items():
        if isinstance(child, dict) and "_target_" in child:
            found += _arguments(f"{path}.{name}", child, resolved)
        elif child is not None:
            siblings = [f"{path}.{other}" for other in node if other != name]
            found.append(
                Problem(f"{path}.{name}", "has no _target_", "", nearest(f"{path}.{name}", siblings))
            )
    return found


def _arguments(path: str, node: Any, resolved: Resolved) -> list[Problem]:
    """A node's keys and values against the signature of its target."""
    if not isinstance(node, dict):
        return [] if node is UNKNOWN else [Problem(path, f"expected keys with values, got {node!r}")]
    accepted, found = parameters(node, path) or {}, []
    for name, value in node.items():
        key = f"{path}.{name}"
        if name in META:
            continue
        if not binds(node, name, path):
            near = nearest(key, [f"{path}.{other}" for other in accepted])
            found.append(Problem(key, "no such key", "", near or nearest(key, known_keys(resolved.config))))
        elif name in accepted and not (value is None and key in resolved.interpolated):
            found += _value(key, value, accepted[name])
        found += _nested(key, value, resolved)
    return found


def _nested(path: str, value: Any, resolved: Resolved) -> list[Problem]:
    if isinstance(value, list):
        return [
            each for index, item in enumerate(value) for each in _nested(f"{path}.{index}", item, resolved)
        ]
    if isinstance(value, dict) and ("_target_" in value or class_of(path)):
        return _arguments(path, value, resolved)
    if isinstance(value, dict):
        return [each for name, item in value.items() for each in _nested(f"{path}.{name}", item, resolved)]
    return []


def _value(key: str, value: Any, parameter: inspect.Parameter) -> list[Problem]:
    if not isinstance(parameter.annotation, Annotation) or value is UNKNOWN:
        return []
    if (key, value) in OUR_OWN.items() or (value is None and parameter.default is None):
        return []
    message, suggestion = values.mismatch(value, parameter.annotation)
    return [Problem(key, message, "", suggestion and f"{key}={suggestion}")] if message else []


def _plain(path: str, value: Any, default: Any, resolved: Resolved) -> list[Problem]:
    """Keys of our root config that go to no constructor: the default tells the type."""
    if isinstance(default, dict) and isinstance(value, dict):
        unknown = [name for name in value if name not in default and f"{path}.{name}" not in resolved.read]
        found = [Problem(f"{path}.{n}", "no such key", "", nearest(n, default)) for n in unknown]
        inner = [_plain(f"{path}.{n}", value[n], default[n], resolved) for n in value if n in default]
        return [*found, *(problem for each in inner for problem in each)]
    if value is UNKNOWN or default is None or isinstance(default, str):
        scalar = value is None or isinstance(value, str | int | float | bool) or value is UNKNOWN
        return [] if scalar else [Problem(path, f"expected one value, got {value}")]
    kind = type(default).__name__
    fits = isinstance(value, values.KINDS[kind]) and (kind == "bool" or not isinstance(value, bool))
    return [] if fits else [Problem(path, f"expected {kind}, got {value!r}")]


def _unknown(key: str, config: dict[str, Any], groups: dict[str, list[str]]) -> Problem:
    near = nearest(key, [*known_keys(config), *groups])
    return Problem(key, "no such key, and nothing reads it", "", near)
