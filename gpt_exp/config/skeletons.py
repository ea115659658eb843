"""Run folders that stand for those of stages that are still to be made, in a temporary folder."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from omegaconf import DictConfig

from gpt_exp.config import several
from gpt_exp.run.durable import write_file
from gpt_exp.run.folder import BEST, LAST, RunFolder, best_called

NEWEST = "step-99999999"  # Of a skeleton's checkpoints.


@cache
def _temporary() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="gpt-exp-stages-")


def skeletons() -> Path:
    return Path(_temporary().name).resolve()


def skeleton(key: str) -> Path:
    return skeletons() / key


def make_skeleton(key: str, config: DictConfig, *, has_weights: bool) -> None:
    """All of a run folder that a stage's composition and check look at."""
    folder, checkpoints = RunFolder(skeleton(key)), stand_ins(config) if has_weights else {}
    if folder.config_file.exists():
        return
    if has_weights:
        for path in (folder.tokenizer, *(folder.saved / step for step in checkpoints)):
            path.mkdir(parents=True)
    for number, name in enumerate(checkpoints.values(), 1):
        if name != LAST:
            write_file(folder.best_file(name), json.dumps({"step": number}))
    folder.save_config(config)


def stand_ins(config: DictConfig) -> dict[str, str]:
    """A skeleton's checkpoints, and the names that are asked for: which these are only training tells."""
    names = [BEST, *map(best_called, several.best_of(config))]
    return {f"step-{number:08d}": name for number, name in enumerate(names, 1)} | {NEWEST: LAST}


def placed(folder: Path, inside: str) -> Path:
    """A path in a skeleton, with an empty file there where a name has an ending."""
    path = folder / inside
    if path.suffix and path != folder:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return path
