"""How a run is told to a tracker: its name, and its settings as a flat table."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gpt_exp.errors import UserError
from gpt_exp.run.folder import RunFolder
from gpt_exp.run.identity import is_runtime
from gpt_exp.sweep.folder import SweepFolder

MAX_NAME = 120  # Characters; W&B takes 128.
Setting = bool | int | float | str
# What a tracker is not told, as it may be a server: places on this machine, which name its user.
PATH_KEYS = {"path", "paths", "root", "data_files"}
HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")  # What a path key may also hold; it names nobody here.
PRIVATE = {"paths", "logger", "hydra", "sweep", "resume"}


def run_name(folder: RunFolder) -> str:
    """NAME/TIME; a sweep's job by its number and what sets it apart: "0003 lr=0.001 seed=2"."""
    path = folder.path.absolute()
    sweep = SweepFolder(path.parent)
    job = next((job for job in sweep.jobs() if job.run == path.name), None)
    if job is None:
        return "/".join(path.parts[-2:])
    return " ".join([path.name, *shortened(job.overrides)])[:MAX_NAME]


def shortened(overrides: list[str]) -> list[str]:
    """Overrides with the last part of their keys alone, where that tells them apart."""
    pairs = [override.lstrip("+~").partition("=") for override in overrides]
    last = [key.rpartition(".")[2] for key, _, _ in pairs]
    return [
        (short if last.count(short) == 1 else key) + equals + value
        for short, (key, equals, value) in zip(last, pairs, strict=True)
    ]


def hyperparameters(config: Any) -> dict[str, Setting]:
    """What a run learns from, flat: sizes, optimizer, schedule, batch, seed; no path, nothing of how it runs.

    A part stands under its group's name: {"optimizer": "muon", "optimizer.lr": 0.02, ...}; a list is text.
    """
    found: dict[str, Setting] = {}
    for key, value in _leaves(shared(config)):
        if key.startswith(("callback.", "trainer._")) or key.endswith("._partial_") or is_runtime(key):
            continue
        if key.endswith("._target_"):
            found[key.removesuffix("._target_")] = str(value).rpartition(".")[2]
        elif isinstance(value, Setting):
            found[key] = value
        elif isinstance(value, Sequence) and all(isinstance(each, Setting) for each in value):
            found[key] = str(list(value))
    return found


def shared(config: Mapping[str, Any]) -> dict[str, Any]:
    """A run's whole config, without what names this machine, its user, or how the run is tracked."""
    return _without_paths({key: value for key, value in config.items() if key not in PRIVATE})


def _without_paths(node: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _without_paths(value) if isinstance(value, Mapping) else value
        for key, value in node.items()
        if key not in PATH_KEYS or HUB_NAME.fullmatch(str(value))
    }


def flat(values: Mapping[str, Any]) -> dict[str, float | str]:
    """{"test": {"loss": 1.0}} as {"test/loss": 1.0}."""
    return {key.replace(".", "/"): value for key, value in _leaves(values)}


def need(package: str, option: str) -> None:
    """Raise UserError, a line that says what to install, where a tracker's package is missing."""
    if importlib.util.find_spec(package) is None:
        raise UserError(f"logger=[{option}] needs pip install 'gpt-exp[{option}]'")


def _leaves(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
