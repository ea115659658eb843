"""What is wrong with how a run mixes its tasks, or a blend's sources, by their names. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gpt_exp.config.feasibility import get
from gpt_exp.config.made import is_ours, made
from gpt_exp.config.nearest import nearest
from gpt_exp.config.problem import Problem
from gpt_exp.interfaces import AdaptiveMixture

KEY = "mixture"


def problems(config: Mapping[str, Any], names: Sequence[str], *, validated: bool) -> Iterator[Problem]:
    """Of the mixture of these names; `validated`: whether each has a validation of its own."""
    if unknown := list(unknown_names(KEY, config.get(KEY), names)):
        yield from unknown
        return
    try:
        mixture = _made(config.get(KEY), names)
    except ValueError as error:
        key, _, value = str(error).partition("=")
        yield (
            Problem(key, value) if key.startswith(f"{KEY}.") and " " not in key else Problem(KEY, str(error))
        )
        return
    except (TypeError, ImportError, AttributeError):
        return  # Told with the signatures, or a package that this machine lacks.
    if isinstance(mixture, AdaptiveMixture):
        yield from _adaptive(config, validated=validated)


def _adaptive(config: Mapping[str, Any], *, validated: bool) -> Iterator[Problem]:
    if not validated:
        yield Problem(KEY, "adapts to each task's own validation, and the sources of a blend have none")
    elif get(dict(config), "num_workers"):
        yield Problem("num_workers", f"{config['num_workers']} must be 0 where the mixture adapts")
    elif config.get("only"):
        yield Problem("only", "an adaptive mixture has no shares before it was trained with")


def unknown_names(path: str, node: Any, names: Sequence[str]) -> Iterator[Problem]:
    """Names in a part's weights, at any depth, that are none of these."""
    for key, value in node.items() if isinstance(node, Mapping) else ():
        if key == "weights" and isinstance(value, Mapping):
            for name in [each for each in value if each not in names]:
                message = f"no such name; there is {', '.join(names)}"
                yield Problem(f"{path}.{key}.{name}", message, "", nearest(name, names))
        else:
            yield from unknown_names(f"{path}.{key}", value, names)


def _made(node: Any, names: Sequence[str]) -> Any:
    """The mixture of as many records of each; None where there is none, or it is no part of ours."""
    return made(node)(sizes=dict.fromkeys(names, 1)) if node and is_ours(node) else None
