"""From a config to objects: the only place where both are known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Checkpoint, ProgressBar
from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig, OmegaConf

from gpt_exp.config import targets
from gpt_exp.config.problem import refuse
from gpt_exp.corpus.prepare import Corpus, prepare, train_tokenizer
from gpt_exp.corpus.split import Split
from gpt_exp.data_module import DataModule
from gpt_exp.errors import UserError
from gpt_exp.interfaces import Model, Source, Task, Tokenizer
from gpt_exp.logger.run_folder import RunFolderLogger
from gpt_exp.precision import resolve_precision
from gpt_exp.run.checkpoint_io import RunCheckpointIO, load_weights
from gpt_exp.run.durable import write_file
from gpt_exp.run.folder import RunFolder
from gpt_exp.tokenizer.file import open as open_tokenizer

if TYPE_CHECKING:
    from gpt_exp.module.base import LanguageModule


class Experiment(NamedTuple):
    module: LanguageModule
    data_module: DataModule
    trainer: Trainer


class LoadedRun(NamedTuple):
    """A trained model as its run folder holds it."""

    model: Model  # In evaluation mode.
    tokenizer: Tokenizer
    config: DictConfig


def read_config(folder: RunFolder) -> DictConfig:
    """A run's own config; the folder may come from elsewhere, so what it may call is checked again."""
    config = folder.config()
    refuse(targets.problems(OmegaConf.to_container(config, resolve=True)))
    return config


def make(node: DictConfig, **arguments: Any) -> Any:
    """The object that a node describes; the error of a wrong value is the constructor's own."""
    try:
        return instantiate(node, _convert_="all", **arguments)
    except InstantiationException as error:
        if isinstance(error.__cause__, ValueError | UserError):
            raise error.__cause__ from None
        raise


def make_data(config: DictConfig, tokenizer: Tokenizer | None = None) -> tuple[Tokenizer, Corpus]:
    """The tokenizer, unless it is there already, and the tokenised corpus: from the cache, or made now."""
    source, split, cache = make(config.data), Split(**config.split), Path(config.paths.cache)
    if tokenizer is None:
        tokenizer = make_tokenizer(config, source, split, cache)
    return tokenizer, prepare(source, tokenizer, split, cache=cache)


def make_tokenizer(config: DictConfig, source: Source, split: Split, cache: Path) -> Tokenizer:
    """The tokenizer that the config describes; a trained one is trained on the training part."""
    tokenizer = make(config.tokenizer)
    if not config.tokenizer.get("_partial_"):
        return tokenizer
    key = json.dumps(OmegaConf.to_container(config.tokenizer, resolve=True), sort_keys=True)
    return train_tokenizer(tokenizer, source, split, cache=cache, key=key, load=open_tokenizer)


def make_model(config: DictConfig, tokenizer: Tokenizer) -> Model:
    """The model with fresh weights, drawn from the run's seed."""
    arguments = {}
    if "vocab_size" in config.model and config.model.vocab_size is None:
        arguments["vocab_size"] = tokenizer.vocab_size
    torch.manual_seed(config.seed)
    model = make(config.model, **arguments)
    if model.shape.vocab_size < tokenizer.vocab_size:
        raise UserError(
            f"model.vocab_size={model.shape.vocab_size} is smaller than the tokenizer's vocabulary of "
            f"{tokenizer.vocab_size} tokens"
        )
    return model


def make_experiment(config: DictConfig, folder: RunFolder, loggers: list[Logger]) -> Experiment:
    """Everything a training run needs, with the tokenizer kept in the run's folder."""
    trainer = make_trainer(config, folder, loggers)  # First: it knows at once what this machine lacks.
    tokenizer, corpus = run_data(config, folder)
    model, task = make_model(config, tokenizer), make(config.task)
    module = make(config.module)(
        model=model,
        task=task,
        tokenizer=tokenizer,
        optimizer=make(config.optimizer),
        schedule=make(config.schedule),
        bytes_per_target=corpus.bytes_per_target("val") if "val" in corpus.parts else None,
        tokens_per_step=config.batch_size * model.shape.context_length,
        seed=config.seed,
        compile=config.compile,
    )
    return Experiment(module, make_data_module(config, corpus, model, task), trainer)


def run_data(config: DictConfig, folder: RunFolder) -> tuple[Tokenizer, Corpus]:
    """A run's tokenizer and corpus: the same for all of its life, or UserError."""
    began = folder.data.exists()
    tokenizer, corpus = make_data(config, open_tokenizer(folder.tokenizer) if began else None)
    if not began:
        tokenizer.save(folder.tokenizer)
        write_file(folder.data, json.dumps(corpus.meta["identity"], indent=1) + "\n")
    elif json.loads(folder.data.read_text()) != corpus.meta["identity"]:
        raise UserError(f"the data has changed since {folder.path} began: train it in a new run")
    return tokenizer, corpus


def make_data_module(config: DictConfig, corpus: Corpus, model: Model, task: Task) -> DataModule:
    return DataModule(
        corpus=corpus,
        sampling=make(config.sampling),
        collate=task.collate,
        context_length=model.shape.context_length,
        batch_size=config.batch_size,
        num_workers=config.num_workers,
        seed=config.seed,
        repeat_steps=config.repeat_steps,
    )


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
        )
    except MisconfigurationException as error:  # Such as a GPU that this machine has not.
        raise UserError(f"trainer: {error}") from error


def load_run(run: str | Path, checkpoint: str = "best") -> LoadedRun:
    """A run's model with the weights of one of its checkpoints: needs nothing but the run's folder."""
    folder = RunFolder.open(run)
    config = read_config(folder)
    tokenizer = open_tokenizer(folder.tokenizer)
    model = make_model(config, tokenizer)
    model.load_state_dict(load_weights(folder.resolve(checkpoint)))
    return LoadedRun(model.eval(), tokenizer, config)
