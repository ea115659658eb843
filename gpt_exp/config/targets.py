"""Which `_target_`s may be called. All others are refused before anything is imported.

A config can come from someone else (a run folder, a checkpoint), and Hydra would call whatever it names.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

from gpt_exp.config import signatures
from gpt_exp.config.nearest import nearest
from gpt_exp.config.problem import Problem

OURS = (
    "model",
    "tokenizer",
    "data",
    "sampling",
    "task",
    "module",
    "optimizer",
    "schedule",
    "callback",
    "logger",
    "decoding",
    "adapter",
    "augmentation",
    "mixture",
    "balance",
    "growth",
)
LIGHTNING = ("strategies", "callbacks", "loggers", "plugins", "profilers")
ALLOWED = (
    *(f"gpt_exp.{folder}." for folder in OURS),
    "gpt_exp.run.fsdp2_strategy.",
    "gpt_exp.sweep.settings.",
    "optuna.samplers.",
    "optuna.pruners.",
    *(f"lightning.pytorch.{folder}." for folder in LIGHTNING),
    "lightning.pytorch.trainer.",  # Where lightning.pytorch.Trainer is defined.
    "torch.optim.",
    "torch.nn.",
    "torchmetrics.",
)
EXACTLY = ("lightning.pytorch.Trainer",)
DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
HYDRA = ("hydra._internal.", "hydra_plugins.")  # What Hydra's own node may name: its launchers and sweepers.
LOGGING = ("logging.", "rich.logging.", "hydra_plugins.")  # Classes of log handlers and formatters.


def added() -> tuple[str, ...]:
    """Packages that the user trusts, from `GPT_EXP_ALLOW=my_package,other`."""
    names = os.environ.get("GPT_EXP_ALLOW", "").split(",")
    return tuple(f"{name.strip()}." for name in names if name.strip())


def is_allowed(target: object) -> bool:
    """Whether this name, and what its source says it stands for, lies in an allowed package."""
    if not isinstance(target, str) or not DOTTED.fullmatch(target):
        return False
    if target.startswith(added()):
        return True
    if target not in EXACTLY and not target.startswith(ALLOWED):
        return False
    definition = signatures.find(target)  # gpt_exp.data.text.os.system stands for os.system.
    return definition is None or definition.dotted.startswith((*ALLOWED, *added()))


def objection(target: object) -> tuple[str, str]:
    """Why a target is refused and what was meant, or two empty strings."""
    if not is_allowed(target):
        allowed = (
            f"{target!r} is not in a package that a config may call; GPT_EXP_ALLOW=my_package allows yours"
        )
        known = ("torch.optim", "torch.nn", "torchmetrics", "lightning.pytorch.Trainer", "gpt_exp.model")
        return allowed, nearest(str(target), known)
    assert isinstance(target, str)
    if signatures.find(target) is None and not target.startswith(added()):
        return f"{target} does not exist", nearest(target, signatures.names(target))
    return "", ""


def problems(config: Any, where: str = "") -> list[Problem]:
    """Every `_target_` in a plain (resolved) config that may not be called, at any depth."""
    found = []
    for path, node in _mappings(config, where):
        if "_target_" in node:
            message, suggestion = objection(node["_target_"])
            found += [Problem(f"{path}._target_".lstrip("."), message, "", suggestion)] if message else []
    return found


def hydra_problems(config: Any) -> list[Problem]:
    """The same for Hydra's own node: launchers, sweepers, callbacks, logging factories, search paths."""
    found = []
    for path, node in _mappings(config, "hydra"):
        target, factory, kind = node.get("_target_"), node.get("()"), node.get("class")
        if target is not None and not (isinstance(target, str) and target.startswith(HYDRA)):
            found.append(Problem(f"{path}._target_", f"{target!r} is not one of Hydra's own plugins"))
        for key, value in (("()", factory), ("class", kind)):
            if value is not None and not (isinstance(value, str) and value.startswith(LOGGING)):
                found.append(Problem(f"{path}.{key}", f"{value!r} is not a class of Python's logging"))
        for key, value in node.items():
            if (
                isinstance(value, str)
                and value.startswith("ext://")
                and value[6:] not in ("sys.stdout", "sys.stderr")
            ):
                found.append(
                    Problem(f"{path}.{key}", f"{value!r}: only ext://sys.stdout and ext://sys.stderr")
                )
    for place in config.get("searchpath") or ():
        if not str(place).startswith(("file://", "/", ".")):
            found.append(
                Problem(
                    "hydra.searchpath", f"{place!r}: only a folder (file://...), which --config-dir adds too"
                )
            )
    return found


def _mappings(config: Any, path: str) -> Iterator[tuple[str, dict[Any, Any]]]:
    if isinstance(config, dict):
        yield path, config
        for key, value in config.items():
            yield from _mappings(value, f"{path}.{key}".lstrip("."))
    elif isinstance(config, list | tuple):
        for index, value in enumerate(config):
            yield from _mappings(value, f"{path}.{index}")
