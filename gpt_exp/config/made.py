"""Parts of ours made from plain config nodes, without Hydra and torch."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from importlib import import_module
from typing import Any

from gpt_exp.config.keys import META

OURS = "gpt_exp."


def made(node: Any) -> Any:
    """What a node describes, as Hydra makes it: nodes in it first, and a partial where it says `_partial_`.

    A mapping without a target stays one. Raises what the import and the constructors raise.
    """
    if not isinstance(node, Mapping):
        return node
    arguments = {key: made(value) for key, value in node.items() if key not in META}
    if "_target_" not in node:
        return arguments
    module, _, name = str(node["_target_"]).rpartition(".")
    factory = getattr(import_module(module), name)
    return partial(factory, **arguments) if node.get("_partial_") else factory(**arguments)


def is_ours(node: Any) -> bool:
    """Whether all that a node would make, at any depth, is a part of ours."""
    if not isinstance(node, Mapping):
        return True
    return str(node.get("_target_", OURS)).startswith(OURS) and all(map(is_ours, node.values()))
