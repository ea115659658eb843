"""Everything that a training run needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from lightning.pytorch import Trainer
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig

from gpt_exp.corpus.record_splits import RecordSplits
from gpt_exp.corpus.text_splits import TextSplits
from gpt_exp.data_module import DataModule
from gpt_exp.experiment.data import run_data
from gpt_exp.experiment.model import has_base, make_model
from gpt_exp.experiment.parts import make, make_growth
from gpt_exp.experiment.splits import make_data_module, make_splits
from gpt_exp.experiment.trainer import make_trainer
from gpt_exp.interfaces import Model
from gpt_exp.run.folder import RunFolder

if TYPE_CHECKING:
    from gpt_exp.module.base import LanguageModule


class Experiment(NamedTuple):
    module: LanguageModule
    data_module: DataModule
    trainer: Trainer


def make_experiment(config: DictConfig, folder: RunFolder, loggers: list[Logger]) -> Experiment:
    """Everything a training run needs, with the tokenizer kept in the run's folder."""
    trainer = make_trainer(config, folder, loggers)  # First: it knows at once what this machine lacks.
    data, task = run_data(config, folder), make(config.task)
    model = make_model(config, data.tokenizer, task)
    splits = make_splits(config, data, model, task)
    module = make(config.module)(
        model=model,
        task=task,
        tokenizer=data.tokenizer,
        tokens_per_example=splits.tokens_per_example,
        **how_to_train(config, model),
        **(_of_records(config, splits) if isinstance(splits, RecordSplits) else _of_text(splits)),
    )
    return Experiment(module, make_data_module(config, splits, task), trainer)


def how_to_train(config: DictConfig, model: Model) -> dict[str, Any]:
    """What every module is made with, whatever it learns."""
    growth = make_growth(config)
    return {
        "batch_sizes": growth.batch_sizes(config.batch_size),
        "context_lengths": growth.context_lengths(model.shape.context_length),
        "optimizer": make(config.optimizer),
        "schedule": make(config.schedule),
        "seed": config.seed,
        "compile": config.compile,
        "saves_frozen": not has_base(config),
    }


def _of_text(splits: TextSplits) -> dict[str, Any]:
    corpus = splits.corpus
    return {"bytes_per_target": corpus.bytes_per_target("val") if "val" in corpus.parts else None}


def _of_records(config: DictConfig, splits: RecordSplits) -> dict[str, Any]:
    return {
        "decoding": make(config.decode),
        "validation_records": splits.records.get("val", []),
        "prediction_batch_size": config.batch_size,
    }
