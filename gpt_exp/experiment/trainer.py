"""Lightning's Trainer and the loggers of a run."""

from __future__ import annotations

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Checkpoint, ProgressBar
from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig

from gpt_exp.errors import UserError
from gpt_exp.experiment.parts import make, make_task
from gpt_exp.logger.run_folder import RunFolderLogger
from gpt_exp.precision import resolve_precision
from gpt_exp.run.checkpoint_io import RunCheckpointIO
from gpt_exp.run.folder import RunFolder
from gpt_exp.task.several import Several


def make_loggers(config: DictConfig, folder: RunFolder) -> list[Logger]:
    """The run folder's own log, and those that the config names."""
    return [RunFolderLogger(folder.path), *(make(node) for node in config.get("logger", {}).values())]


def make_trainer(config: DictConfig, folder: RunFolder, loggers: list[Logger]) -> Trainer:
    """Lightning's Trainer, with every interval in optimizer steps and nothing that writes elsewhere."""
    callbacks = [make(node) for node in config.get("callback", {}).values()]
    trainer = make(config.trainer, _partial_=True)
    accumulate, limit = config.trainer.accumulate_grad_batches, config.trainer.limit_val_batches
    try:
        return trainer(
            precision=resolve_precision(config.trainer.precision, config.trainer.accelerator),
            val_check_interval=int(config.trainer.val_check_interval) * accumulate,
            limit_val_batches=limit * accumulate if isinstance(limit, int) else limit,
            check_val_every_n_epoch=None,  # Validation is counted in steps; there are no epochs.
            max_epochs=-1,
            callbacks=callbacks,
            logger=loggers,
            plugins=[RunCheckpointIO()],
            default_root_dir=folder.path,
            enable_checkpointing=any(isinstance(callback, Checkpoint) for callback in callbacks),
            enable_progress_bar=any(isinstance(callback, ProgressBar) for callback in callbacks),
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,  # The sampler knows the devices itself.
            **_of_strategy(config),
        )
    except MisconfigurationException as error:  # Such as a GPU that this machine has not.
        raise UserError(f"trainer: {error}") from error


def _of_strategy(config: DictConfig) -> dict[str, str]:
    """DDP must be told where weights may be without gradients: a task's head stands in for the output."""
    if config.trainer.get("strategy") != "ddp":
        return {}
    task = make_task(config)
    has_heads = isinstance(task, Several) or bool(getattr(task, "heads", None))
    return {"strategy": "ddp_find_unused_parameters_true"} if has_heads else {}
