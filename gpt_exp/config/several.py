"""A config of several tasks, and each of them as a config of its own. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple

from omegaconf import DictConfig, OmegaConf, open_dict

from gpt_exp.config import mixing
from gpt_exp.config.keys import parameters
from gpt_exp.config.nearest import meant, nearest
from gpt_exp.config.problem import Problem
from gpt_exp.errors import UserError


class OneTask(NamedTuple):
    """What a node `tasks.NAME` holds; what it lacks is that of the whole config, but no augmentation."""

    task: dict | None = None
    data: dict | None = None
    decode: dict | None = None
    augmentation: dict | None = None
    split: dict | None = None
    adapter: dict | None = None  # Beside that of the whole config, which is of what all tasks share.
    weight: float = 1.0  # Of its loss.


WEIGHT = "weight"
OWN = tuple(name for name in OneTask._fields if name != WEIGHT)
NEEDED = {"task": "translation", "data": "multi30k"}  # With an example each.
UNUSED = ("task", "data", "augmentation")  # Of the whole config.
NAMED = "name"  # What an adapter takes that can be one task's.
MODULE = "gpt_exp.module.multi_task.MultiTask"
BLEND = "gpt_exp.data.blend.Blend"  # Whose sources a mixture is of, as it is of several tasks.


def alone(config: DictConfig, name: str) -> DictConfig:
    """The config of a run of this task alone: its parts stand where such a run has them."""
    found: DictConfig = config.copy()
    node = found.tasks[name]
    with open_dict(found):
        found.augmentation = {}
        for key in OWN:
            if node.get(key) is not None:
                found[key] = node[key]
        found.tasks = {}
    return found


def plainly_alone(config: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The same of a resolved config, for all of its tasks."""
    for name, node in (config.get("tasks") or {}).items():
        own = {key: node[key] for key in OWN if isinstance(node, Mapping) and node.get(key) is not None}
        yield name, {**config, "augmentation": {}, **own, "tasks": {}}


def problems(
    config: dict[str, Any], of_one: Callable[[dict[str, Any]], Iterable[Problem]]
) -> Iterator[Problem]:
    """What is wrong with a resolved training config, by what is wrong with that of each task alone."""
    tasks = config.get("tasks")
    if not tasks or not isinstance(tasks, dict):
        yield from chain(of_one(config), _without_tasks(config))
        return
    yield from (each for each in of_one(config) if _first(each.key) not in UNUSED)
    for name, view in plainly_alone(config):
        own = [key for key in OWN if tasks[name].get(key) is not None]
        found = [each for each in of_one(view) if _first(each.key) in own]
        yield from (each._replace(key=f"tasks.{name}.{each.key}") for each in found)
    yield from _with_tasks(config, tasks)


def _without_tasks(config: Mapping[str, Any]) -> Iterator[Problem]:
    if _target(config, "module") == MODULE:
        yield Problem("tasks", "module=multi_task needs some, as in experiment=multi_task_embedded")
    elif _target(config, "data") == BLEND:
        yield from _sources(config)
    elif config.get("mixture"):
        yield Problem("mixture", "is of several tasks, or of the sources of data=blend")
    elif config.get("only"):
        yield Problem("only", "chooses one of several tasks, and this run has one")


def _sources(config: Mapping[str, Any]) -> Iterator[Problem]:
    """Of a blend: each a part, and the mixture of their names."""
    sources = config["data"].get("sources")
    if not isinstance(sources, Mapping):
        return
    for name, node in sources.items():
        if not isinstance(node, Mapping) or not node.get("_target_"):
            example = f"+data@data.sources.{name}=text"
            yield Problem(f"data.sources.{name}", f"is no source of text, as {example} makes one")
    if sources:
        yield from mixing.problems(config, list(sources), validated=False)


def _with_tasks(config: Mapping[str, Any], tasks: Mapping[str, Any]) -> Iterator[Problem]:
    if _target(config, "module") != MODULE:
        yield Problem("module", "several tasks need module=multi_task", "", "module=multi_task")
    if config.get("augmentation"):
        yield Problem("augmentation", "of several tasks each has its own, as in tasks.NAME.augmentation")
    for name, node in tasks.items():
        for key, example in NEEDED.items():
            if not isinstance(node, Mapping) or not node.get(key):
                yield Problem(f"tasks.{name}.{key}", f"needs one, as in /{key}@tasks.{name}.{key}: {example}")
        weight = node.get(WEIGHT, 1.0) if isinstance(node, Mapping) else 1.0
        if isinstance(weight, int | float) and weight < 0:
            yield Problem(f"tasks.{name}.{WEIGHT}", f"{weight} must be at least 0")
    yield from _adapters(config, tasks)
    yield from mixing.problems(config, list(tasks), validated=True)
    yield from mixing.unknown_names("balance", config.get("balance"), list(tasks))
    yield from _only(config, list(tasks))


def _only(config: Mapping[str, Any], names: list[str]) -> Iterator[Problem]:
    only, module = config.get("only"), config.get("module")
    if only is None:
        return
    if only not in names:
        yield Problem(
            "only", f"{only} is no task; there is {', '.join(names)}", "", nearest(str(only), names)
        )
    if isinstance(module, Mapping) and module.get("unit") == "step":
        yield Problem("only", "needs module.unit=example: a step of one task has no examples of the others")


def _adapters(config: Mapping[str, Any], tasks: Mapping[str, Any]) -> Iterator[Problem]:
    """Adapters of one task each: low-rank ones, on a model that has none for all."""
    nodes = {name: node.get("adapter") for name, node in tasks.items() if isinstance(node, Mapping)}
    own = {name: node for name, node in nodes.items() if isinstance(node, Mapping)}
    for name, node in own.items():
        if NAMED not in (parameters(node) or {NAMED}):
            yield Problem(f"tasks.{name}.adapter", "a task's own is low-rank: lora or dora")
        if node.get("train_embeddings"):
            yield Problem(f"tasks.{name}.adapter.train_embeddings", "all tasks read the same embeddings")
    if own and NAMED in (parameters(config.get("adapter")) or {}):
        message = f"low-rank on the whole model, and tasks.{next(iter(own))} has its own"
        yield Problem("adapter", message, "", "adapter=frozen or full")


def _first(key: str) -> str:
    return key.partition(".")[0]


def _target(config: Mapping[str, Any], name: str) -> str:
    node = config.get(name)
    return str(node.get("_target_")) if isinstance(node, Mapping) else ""


def best_of(config: DictConfig) -> list[str]:
    """Of what a run keeps a best checkpoint beside its own: its tasks, and what its callback names."""
    node = OmegaConf.select(config, "callback.checkpoint") or {}
    tasks = config.get("tasks") or {} if node.get("per_task", True) else {}
    return list(dict.fromkeys(map(str, [*tasks, *(node.get("best_of") or {})])))


def chosen(config: DictConfig, name: str | None, key: str) -> str | None:
    """The task that a command means by `key`, None in a run of one; UserError where there is no such."""
    names = [str(each) for each in config.get("tasks") or {}]
    if name is None and not names:
        return None
    if name in names:
        return name
    if not names:
        raise UserError(f"{key}={name}: this run has one task, and {key} chooses one of several")
    if name is None:
        raise UserError(f"{key}: this run has several tasks, choose one: {', '.join(names)}")
    raise UserError(f"{key}={name}: this run's tasks are {', '.join(names)}{meant(name, names, f'{key}=')}")
