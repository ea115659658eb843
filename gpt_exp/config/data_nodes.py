"""What is wrong with nodes of data, by themselves and with what reads them. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

from gpt_exp.config.problem import Problem

MADE_OF = {"gpt_exp.data.together.Together": "sources", "gpt_exp.data.part.Part": "records"}
EXAMPLE = "/data@data.{key}: jsonl"


def problems(config: Mapping[str, Any]) -> Iterable[Problem]:
    """Everything of this kind that is wrong with a resolved config."""
    yield from _made_of("data", config.get("data"))
    yield from _fields(config)


def made_of(node: Any) -> dict[str, Any]:
    """The nodes that data are made of, by their keys below these; none for data of their own."""
    key = MADE_OF.get(_target(node))
    if key is None:
        return {}
    value = node.get(key)
    if key == "sources" and isinstance(value, Mapping):
        return {f"{key}.{name}": each for name, each in value.items()}
    return {key: value}


def _made_of(path: str, node: Any) -> Iterable[Problem]:
    """Data that are made of others need sources of records, at any depth."""
    for key, each in made_of(node).items():
        where = f"{path}.{key}"
        if not _target(each):
            example = EXAMPLE.format(key=where.partition(".")[2])
            yield Problem(where, f"is no source of records, as {example} makes one")
        else:
            yield from _made_of(where, each)


def _fields(config: Mapping[str, Any]) -> Iterable[Problem]:
    task = config.get("task")
    fields = task.get("fields") if isinstance(task, Mapping) else None
    if fields == []:
        yield Problem("task.fields", "names none; null reads all texts of a record")
    elif fields and _gives_text(target := _target(config.get("data"))):
        yield Problem("task.fields", f"{target} gives text, and no records with fields")


def _gives_text(target: str) -> bool:
    """Whether a part is one of ours that gives no records."""
    module, _, name = target.rpartition(".")
    if not module.startswith("gpt_exp.data."):
        return False
    return not hasattr(getattr(import_module(module), name, None), "read")


def _target(node: Any) -> str:
    return str(node.get("_target_") or "") if isinstance(node, Mapping) else ""
