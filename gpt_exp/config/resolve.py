"""A composed config as plain values, with what could not be resolved."""

from __future__ import annotations

from typing import Any, NamedTuple

from omegaconf import DictConfig, ListConfig, Node, OmegaConf
from omegaconf.errors import InterpolationToMissingValueError, OmegaConfBaseException

from gpt_exp.config.keys import known_keys, references
from gpt_exp.config.nearest import nearest
from gpt_exp.config.problem import Problem

UNKNOWN = object()  # Stands for a value that has a problem of its own.
MAX_NODES = 20_000  # Interpolated nodes can repeat each other without end.
MAX_DEPTH = 30


class Resolved(NamedTuple):
    """Plain values; all keys that interpolations read; and each interpolated key with those that it reads."""

    config: dict[str, Any]
    problems: list[Problem]
    read: set[str]
    interpolated: dict[str, set[str]]


def resolve(config: DictConfig) -> Resolved:
    """Resolve every value by itself, so that all problems are found and not the first only."""
    raw = OmegaConf.to_container(config, resolve=False)
    result = Resolved({}, [], references(raw), {})
    result.config.update(_plain(config, "", result, set(known_keys(raw)), [MAX_NODES]))
    return result


def _plain(
    node: DictConfig | ListConfig, path: str, result: Resolved, names: set[str], left: list[int]
) -> Any:
    keys = list(node) if isinstance(node, DictConfig) else range(len(node))
    values = {}
    for key in keys:
        dotted = f"{path}.{key}".lstrip(".")
        left[0] -= 1
        if left[0] < 0 or dotted.count(".") > MAX_DEPTH:
            result.problems.append(Problem(dotted, "repeats itself without end"))
            values[key] = UNKNOWN
            continue
        value = _value(node, key, dotted, result, names)
        is_node = isinstance(value, DictConfig | ListConfig) and value._value() is not None
        values[key] = _plain(value, dotted, result, names, left) if is_node else value
    return values if isinstance(node, DictConfig) else list(values.values())


def _value(node: DictConfig | ListConfig, key: Any, dotted: str, result: Resolved, names: set[str]) -> Any:
    if OmegaConf.is_missing(node, key):
        result.problems.append(Problem(dotted, f"needs a value, as in {dotted}=..."))
        return UNKNOWN
    if OmegaConf.is_interpolation(node, key):
        result.interpolated[dotted] = references(_text(node, key))
    try:
        return node[key]
    except InterpolationToMissingValueError:
        return UNKNOWN  # Told where the value is missing.
    except (OmegaConfBaseException, RecursionError, ValueError, TypeError) as error:
        result.problems.append(_unresolved(dotted, node, key, error, names))
        return UNKNOWN


def _unresolved(
    dotted: str, node: DictConfig | ListConfig, key: Any, error: Exception, names: set[str]
) -> Problem:
    text = _text(node, key)
    wanted = max(references(text), key=len, default="")
    if wanted and wanted not in names:
        near = nearest(wanted, names)
        return Problem(dotted, f"{text} names nothing", "", near and f"${{{near}}}")
    reason = "it leads back to itself" if isinstance(error, RecursionError) else str(error).partition("\n")[0]
    return Problem(dotted, f"{text} cannot be resolved: {reason}")


def _text(node: DictConfig | ListConfig, key: Any) -> str:
    """An interpolation as written."""
    child = node._get_node(key)
    assert isinstance(child, Node)
    return str(child._value())
