"""Run folders that stand for those of stages that are still to be made, in a temporary folder."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from omegaconf import DictConfig

from gpt_exp.run.durable import write_file
from gpt_exp.run.folder import RunFolder

# Checkpoints of a skeleton, and the names that were asked for: which ones these are only training tells.
STAND_INS = {"step-00000001": "best", "step-00000002": "last"}


@cache
def _temporary() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="gpt-exp-stages-")


def skeletons() -> Path:
    return Path(_temporary().name).resolve()


def skeleton(key: str) -> Path:
    return skeletons() / key


def make_skeleton(key: str, config: DictConfig, *, has_weights: bool) -> None:
    """All of a run folder that a stage's composition and check look at."""
    folder = RunFolder(skeleton(key))
    if folder.config_file.exists():
        return
    if has_weights:
        for path in (folder.tokenizer, *(folder.saved / name for name in STAND_INS)):
            path.mkdir(parents=True)
        write_file(folder.best, json.dumps({"step": 1}))
    folder.save_config(config)


def placed(folder: Path, inside: str) -> Path:
    """A path in a skeleton, with an empty file there where a name has an ending."""
    path = folder / inside
    if path.suffix and path != folder:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return path
