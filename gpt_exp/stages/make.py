"""Run folders of stages, made before the first of them is trained."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gpt_exp.config.stage_plan import Stage
from gpt_exp.errors import UserError
from gpt_exp.run.folder import RunFolder
from gpt_exp.stages.lineage import Lineage, Parent, read_lineage, save_lineage


def make_stages(stages: Sequence[Stage]) -> list[RunFolder]:
    """A folder each: the one that is there already, or a new one."""
    return [make_stage(stage, stages) for stage in stages]


def make_stage(stage: Stage, stages: Sequence[Stage]) -> RunFolder:
    """A stage's folder; one that goes on does so with the devices, loggers and the like of now.

    Raises UserError where another run lives in it.
    """
    folder = RunFolder(stage.path)
    if not folder.config_file.exists():
        save_lineage(folder, lineage_of(stage, stages, folder.path))
        return RunFolder.create(folder.path, stage.config, stage.overrides)
    lineage = read_lineage(folder)
    if lineage is None or lineage.key != stage.key:
        raise UserError(
            f"{folder.path} holds another run than stages.{stage.name}: move it, or take another name="
        )
    if folder.status().get("state") is None:  # Not begun: its first weights are still to be chosen.
        folder.save_config(stage.config)
    elif folder.state() != "finished":
        _take_over_runtime(folder, stage.config)
    return folder


def leading_to_last(stages: Sequence[Stage]) -> list[Stage]:
    """The last one, and before it all that it hangs on."""
    needed = {stages[-1].key}
    for stage in reversed(stages):
        needed |= set(stage.parents.values()) if stage.key in needed else set()
    return [stage for stage in stages if stage.key in needed]


def lineage_of(stage: Stage, stages: Sequence[Stage], place: Path) -> Lineage:
    """Of a stage whose run folder is `place`."""
    parents = [
        Parent(other.name, other.key, os.path.relpath(other.path, place))
        for other in stages
        if other.name in stage.parents
    ]
    return Lineage(stage.name, stage.key, stage.metric, stage.mode, parents, stage.verb)


def _take_over_runtime(folder: RunFolder, config: Any) -> None:
    joined, begun = config.copy(), folder.config()
    if "init" in begun:
        joined.init.checkpoint = begun.init.checkpoint
    folder.save_config(joined)
