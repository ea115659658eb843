"""What a stage's job does first: those that it hangs on come before it."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from gpt_exp.config.inherit import settle
from gpt_exp.run.folder import RunFolder
from gpt_exp.stages.lineage import parent_run, read_lineage, save_lineage
from gpt_exp.stages.process import finish


def finish_parents(run: RunFolder) -> None:
    """Carry out the earlier stages that are not finished; nothing for a run that is no stage."""
    lineage = read_lineage(run)
    for parent in lineage.parents if lineage else ():
        finish(parent_run(run, parent), parent.stage)


def settle_start(run: RunFolder) -> None:
    """Note which checkpoint the weights come from, once and for all; parents are finished."""
    lineage = read_lineage(run)
    if lineage is None or not lineage.parents:
        return
    config = run.config()
    settle(config)
    run.save_config(config)
    taken = _taken(config)
    for parent in lineage.parents:
        source = parent_run(run, parent)
        checkpoint = taken.get(source.path.resolve())
        if checkpoint is not None and source.checkpoints():
            parent.checkpoint = source.resolve(checkpoint).name
    save_lineage(run, lineage)


def _taken(config: DictConfig) -> dict[Path, str]:
    """Which checkpoint is asked for of which run; a verb that asks for one means it of all its runs."""
    if "init" in config:
        runs, checkpoint = [config.init.run], config.init.checkpoint
    else:
        runs, checkpoint = list(config.values()), config.get("checkpoint")
    return {Path(run).resolve(): checkpoint for run in runs if isinstance(run, str) and checkpoint}
