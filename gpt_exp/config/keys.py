"""Which keys a config node takes: those written, and the parameters of its `_target_`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

from gpt_exp.config import signatures
from gpt_exp.config.nearest import nearest

META = ("_target_", "_partial_", "_args_", "_recursive_", "_convert_")
CLASSES = {"split": "gpt_exp.corpus.split.Split"}  # Nodes that are keyword arguments without saying so.
OUR_MODULES = "gpt_exp.module."
GIVEN = (  # What they take that is made of the rest of the config.
    *("model", "task", "tokenizer", "optimizer", "schedule", "decoding", "mixture", "balance"),
    *("seed", "compile", "batch_size", "batch_sizes", "context_lengths", "repeat_steps", "weights"),
    *("splits", "validation_records", "prediction_batch_size", "bytes_per_target"),
    *("tokens_per_example", "saves_frozen"),
)
OF_TASK = re.compile(r"tasks\.\w+")  # And those of several tasks: theirs, and what each has of its own.
TASK_CLASS = "gpt_exp.config.several.OneTask"
REFERENCE = re.compile(r"\$\{(?:[\w.]+:)?([A-Za-z_][\w.]*)")


def parameters(node: Any, path: str = "") -> dict[str, inspect.Parameter] | None:
    """The parameters of a node's target that may be set; None where there is none, or no source says it."""
    signature = _signature(node, path)
    if signature is None:
        return None
    given = GIVEN if str(node.get("_target_")).startswith(OUR_MODULES) else ()
    return {
        name: p
        for name, p in signature.parameters.items()
        if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL) and name not in given
    }


def binds(node: Any, name: str, path: str = "") -> bool:
    """Whether a node's target takes this key; one with `**kwargs` takes all but misspelt names of its own."""
    signature, known = _signature(node, path), parameters(node, path)
    if signature is None or known is None or name in known or name in META:
        return True
    takes_all = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
    return takes_all and not nearest(name, known)


def class_of(path: str) -> str | None:
    """What a node's keys are the arguments of where the node does not say it."""
    if OF_TASK.fullmatch(path):
        return TASK_CLASS
    return CLASSES.get(OF_TASK.sub("", path, count=1).lstrip("."))


def _signature(node: Any, path: str) -> inspect.Signature | None:
    target = node.get("_target_", class_of(path)) if isinstance(node, dict) else None
    return signatures.signature(target) if isinstance(target, str) else None


def takes(config: dict[str, Any], key: str, groups: dict[str, list[str]]) -> bool:
    """Whether a dotted key may be set: it is there, or it is a parameter of the target that holds it."""
    node: Any = config
    inside_target, path = False, ""
    for part in key.split("."):
        if isinstance(node, list):
            return part.isdigit() and int(part) < len(node)
        if not isinstance(node, dict):
            return False
        has_target = "_target_" in node or class_of(path) is not None
        if part not in node:
            return binds(node, part, path) if has_target else inside_target
        inside_target, path = inside_target or has_target, f"{path}.{part}".lstrip(".")
        node = node[part]
    return key not in groups or isinstance(node, dict)


def known_keys(config: Any, path: str = "") -> Iterator[str]:
    """Every key that can be set, dotted: what is written, and what targets leave at its default."""
    if not isinstance(config, dict):
        return
    names = [name for name in {**config, **(parameters(config, path) or {})} if name not in META]
    for name in names:
        dotted = f"{path}.{name}".lstrip(".")
        yield dotted
        yield from known_keys(config.get(name), dotted)


def references(config: Any) -> set[str]:
    """Every key that an interpolation in an unresolved config reads, with its parents."""
    if isinstance(config, dict):
        return set().union(*map(references, config.values()))
    if isinstance(config, list):
        return set().union(*map(references, config))
    found: set[str] = set()
    for key in REFERENCE.findall(config) if isinstance(config, str) else ():
        parts = key.split(".")
        found |= {".".join(parts[:count]) for count in range(1, len(parts) + 1)}
    return found
