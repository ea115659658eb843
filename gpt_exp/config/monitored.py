"""What callbacks watch, against where it should go as its name tells. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gpt_exp.config.problem import Problem
from gpt_exp.run.better import better

BETTER = {"min": "lower", "max": "higher"}


def problems(config: Mapping[str, Any]) -> Iterable[Problem]:
    """A mode that keeps the worst: it was forgotten, or is left of the metric that a recipe had."""
    callbacks = config.get("callback") or {}
    for name, node in callbacks.items() if isinstance(callbacks, Mapping) else ():
        if isinstance(node, Mapping):
            yield from _contradicted(f"callback.{name}", node.get("monitor"), node.get("mode"))
            yield from _others(f"callback.{name}.best_of", node.get("best_of"))


def _others(key: str, best_of: Any) -> Iterator[Problem]:
    for name, node in best_of.items() if isinstance(best_of, Mapping) else ():
        if isinstance(node, Mapping):
            yield from _contradicted(f"{key}.{name}", node.get("metric"), node.get("mode"))


def _contradicted(key: str, metric: Any, mode: Any) -> Iterator[Problem]:
    wanted = better(metric) if isinstance(metric, str) else None
    if wanted is not None and (mode or "min") != wanted and mode in (None, *BETTER):
        message = f"{metric} is better the {BETTER[wanted]} it is, and the mode is {mode or 'min'}"
        yield Problem(f"{key}.mode", message, "", f"{key}.mode={wanted}")
