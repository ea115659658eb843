"""What a stage's job does before it trains: those that it hangs on come first."""

from __future__ import annotations

from gpt_exp.config.inherit import settle
from gpt_exp.run.folder import RunFolder
from gpt_exp.stages.lineage import parent_run, read_lineage, save_lineage
from gpt_exp.stages.process import finish


def finish_parents(run: RunFolder) -> None:
    """Train the earlier stages that are not finished; nothing for a run that is no stage."""
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
    begins_from = str(config.init.run)
    for parent in lineage.parents:
        if parent_run(run, parent).path.resolve() == RunFolder(begins_from).path.resolve():
            parent.checkpoint = config.init.checkpoint
    save_lineage(run, lineage)
