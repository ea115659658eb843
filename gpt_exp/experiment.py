"""From a config to objects: the only place where both are known."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
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

from gpt_exp.adapter.lora import check_lengths
from gpt_exp.adapter.low_rank import merge
from gpt_exp.adapter.per_task import adapt, check_all_learn, has_several
from gpt_exp.config import targets
from gpt_exp.config.problem import refuse
from gpt_exp.corpus.blended import BlendedCorpus, TrainingTexts, prepare_blend
from gpt_exp.corpus.prepare import Corpus, prepare, train_tokenizer
from gpt_exp.corpus.record_split import divide, warn_of_repeated
from gpt_exp.corpus.record_splits import RecordSplits
from gpt_exp.corpus.record_texts import RecordTexts
from gpt_exp.corpus.split import Split
from gpt_exp.corpus.text_splits import TextSplits
from gpt_exp.data.blend import Blend
from gpt_exp.data_module import DataModule, Splits
from gpt_exp.errors import UserError
from gpt_exp.growth.growth import Growth
from gpt_exp.interfaces import (
    AdaptiveMixture,
    Examples,
    Model,
    Record,
    RecordSampling,
    RecordTask,
    Sampling,
    Source,
    Task,
    Tokenizer,
)
from gpt_exp.logger.run_folder import RunFolderLogger
from gpt_exp.mixture.constant import proportional
from gpt_exp.mixture.mixed_splits import MixedSplits
from gpt_exp.model.heads import host, without_heads
from gpt_exp.model.hugging_face import load_heads, local
from gpt_exp.precision import resolve_precision
from gpt_exp.run.checkpoint_io import RunCheckpointIO, load_weights
from gpt_exp.run.durable import write_file
from gpt_exp.run.folder import RunFolder
from gpt_exp.task.several import Several
from gpt_exp.tokenizer.file import open as open_tokenizer

if TYPE_CHECKING:
    from gpt_exp.module.base import LanguageModule


NOTHING_HELD_OUT = Split(val_fraction=0, test_fraction=0)
HUGGING_FACE = "gpt_exp.model.hugging_face.from_pretrained"


class Experiment(NamedTuple):
    module: LanguageModule
    data_module: DataModule
    trainer: Trainer


class Data(NamedTuple):
    """What a run learns from."""

    tokenizer: Tokenizer
    content: Corpus | BlendedCorpus | Mapping[str, Sequence[Record]]
    identity: dict[str, Any]  # Of the content: equal data, equal identity.


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


def make_task(config: DictConfig) -> Any:
    """What is learnt: a task, or `tasks` side by side."""
    if config.get("tasks"):
        return Several({str(name): make(node.task) for name, node in config.tasks.items()})
    return make(config.task)


def make_data(config: DictConfig, tokenizer: Tokenizer | None = None, source: Any = None) -> Data:
    """The tokenizer, unless it is there already, and a text task's corpus or a record task's records.

    `source` are the data, where they were made before: they are read once.
    """
    source = make(config.data) if source is None else source
    split, cache = Split(**config.split), Path(config.paths.cache)
    task = make(config.task)
    wants_records = isinstance(task, RecordTask)
    if wants_records and not hasattr(source, "read"):
        raise UserError(f"data: {config.data._target_} gives text, and {config.task._target_} wants records")
    if isinstance(source, Blend):
        return make_blend(config, tokenizer, source, split)
    text: Source = texts_of(source, task, split) if hasattr(source, "read") else source
    if tokenizer is None:  # The text of records holds none but training records: all of it is learnt from.
        learnt = NOTHING_HELD_OUT if wants_records else split
        tokenizer = make_tokenizer(config, text, learnt, cache)
    if not wants_records:
        corpus = prepare(text, tokenizer, split, cache=cache)
        return Data(tokenizer, corpus, corpus.meta["identity"])
    identity = {"source": source.fingerprint(), "split": dict(config.split)}
    records = divide(source.read(), split)
    warn_of_repeated(records)
    return Data(tokenizer, records, identity)


def make_blend(config: DictConfig, tokenizer: Tokenizer | None, blend: Blend, split: Split) -> Data:
    """As `make_data`, of several sources; UserError for one of records."""
    for name, source in blend.sources.items():
        if hasattr(source, "read"):
            given = config.data.sources[name]._target_
            raise UserError(f"data.sources.{name}: {given} gives records, and no text")
    cache = Path(config.paths.cache)
    if tokenizer is None:
        text = TrainingTexts(blend.sources, split)
        tokenizer = make_tokenizer(config, text, NOTHING_HELD_OUT, cache)
    corpus = prepare_blend(blend.sources, tokenizer, split, cache=cache)
    return Data(tokenizer, corpus, corpus.meta["identity"])


def texts_of(source: Any, task: Any, split: Split) -> RecordTexts:
    """What a tokenizer learns from records: those of the training part, the fields that the task names."""
    return RecordTexts(records=source, fields=getattr(task, "text_fields", None), split=split)


def make_tokenizer(config: DictConfig, source: Source, split: Split, cache: Path) -> Tokenizer:
    """The tokenizer that the config describes; a trained one is trained on the training part."""
    tokenizer = make(config.tokenizer)
    if not config.tokenizer.get("_partial_"):
        return tokenizer
    key = json.dumps(OmegaConf.to_container(config.tokenizer, resolve=True), sort_keys=True)
    return train_tokenizer(tokenizer, source, split, cache=cache, key=key, load=open_tokenizer)


def make_model(config: DictConfig, tokenizer: Tokenizer, task: Task | None, *, initial: bool = True) -> Model:
    """The model with the weights of `init.run`, or fresh ones drawn from the run's seed, and adapted.

    Without `initial` the weights are left as they are drawn: a checkpoint will replace them all.
    """
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
    host(model, getattr(task, "heads", {}))
    if initial and OmegaConf.select(config, "init.run"):
        load_initial(model, config.init.run, config.init.checkpoint)
    if config.get("adapter"):
        make(config.adapter)(model)
    if isinstance(task, Several):
        own = {str(name): make(node.adapter) for name, node in config.tasks.items() if node.get("adapter")}
        adapt(model, own)
        check_all_learn(model, own, task.tasks)
    if initial:
        check_lengths(model)
    return model


def load_initial(model: Model, run: str, checkpoint: str) -> None:
    """Take over the weights of another run; heads that it does not have stay as they are."""
    other = load_run(run, checkpoint, merged=True).model
    refuse_several(other, f"init.run={run}")
    theirs, ours = other.state_dict(), model.state_dict()
    if _scales(other) != _scales(model):
        raise UserError(
            f"init.run={run}: its parametrization is another; model=run takes that run's own network"
        )
    for name, tensor in theirs.items():
        if name in ours and tensor.shape != ours[name].shape:
            shapes = f"{tuple(tensor.shape)} there and {tuple(ours[name].shape)} in model"
            raise UserError(f"init.run={run}: {name} is {shapes}; model=run takes that run's own network")
    if missing := [name for name in without_heads(ours) if name not in theirs]:
        raise UserError(f"init.run={run} has no {missing[0]}; model=run takes that run's own network")
    model.load_state_dict({name: tensor for name, tensor in theirs.items() if name in ours}, strict=False)


def refuse_several(model: Model, given: str) -> None:
    """UserError for a run whose tasks have adapters of their own: it has no weights that stand for it."""
    if has_several(model):
        raise UserError(
            f"{given}: its tasks have adapters of their own; gpt-exp export of=NAME merges one into a model, "
            "for model=hf"
        )


def _scales(model: Model) -> tuple[Any, ...]:
    """By what equal weights may give something else (`gpt_exp/model/parametrization.py`)."""
    return tuple(getattr(model.shape, name, None) for name in ("width_ratio", "attention_scale"))


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


def make_growth(config: DictConfig) -> Growth:
    return make(config.growth) if config.get("growth") else Growth()


def has_base(config: DictConfig) -> bool:
    """Whether frozen weights can be had again from where they came."""
    return bool(OmegaConf.select(config, "init.run")) or config.model._target_ == HUGGING_FACE


def _of_text(splits: TextSplits) -> dict[str, Any]:
    corpus = splits.corpus
    return {"bytes_per_target": corpus.bytes_per_target("val") if "val" in corpus.parts else None}


def _of_records(config: DictConfig, splits: RecordSplits) -> dict[str, Any]:
    return {
        "decoding": make(config.decode),
        "validation_records": splits.records.get("val", []),
        "prediction_batch_size": config.batch_size,
    }


def run_data(config: DictConfig, folder: RunFolder) -> Data:
    """A run's tokenizer and data: the same for all of its life, or UserError."""
    data = make_data(config, kept_tokenizer(folder))
    keep(folder, data.tokenizer, data.identity)
    return data


def kept_tokenizer(folder: RunFolder) -> Tokenizer | None:
    """That of a run that has begun."""
    return open_tokenizer(folder.tokenizer) if folder.data.exists() else None


def keep(folder: RunFolder, tokenizer: Tokenizer, identity: Mapping[str, Any]) -> None:
    """Write down what a run learns from; UserError where it began with something else."""
    if not folder.data.exists():
        tokenizer.save(folder.tokenizer)
        write_file(folder.data, json.dumps(identity, indent=1) + "\n")
    elif json.loads(folder.data.read_text()) != identity:
        raise UserError(f"the data has changed since {folder.path} began: train it in a new run")


def make_splits(config: DictConfig, data: Data, model: Model, task: Any) -> TextSplits | RecordSplits:
    """The examples of each split, cut for this model."""
    context_length, sampling = model.shape.context_length, make(config.sampling)
    of_text = not isinstance(data.content, Mapping)
    if isinstance(sampling, RecordSampling) == of_text:
        wanted = "packed or windows" if of_text else "length_buckets or packed_records"
        raise UserError(f"sampling: {config.task._target_} takes sampling={wanted}")
    if isinstance(data.content, Corpus | BlendedCorpus):
        how: dict[str, Any] = {"context_length": context_length, "seed": config.seed}
        mixed = data.content if isinstance(data.content, BlendedCorpus) else None
        training = blended_training(config, mixed, sampling, **how) if mixed else None
        return TextSplits(data.content, sampling, training=training, **how)
    return RecordSplits(
        data.content,
        partial(task.example, tokenizer=data.tokenizer, context_length=context_length),
        sampling,
        context_length=context_length,
        batch_size=config.batch_size,
        seed=config.seed,
        augmentations=[make(node) for node in (config.get("augmentation") or {}).values()],
    )


def blended_training(
    config: DictConfig, corpus: BlendedCorpus, sampling: Sampling, **how: Any
) -> Callable[[], Examples]:
    """Training examples of several sources: of each as many as the mixture says; none: by their tokens."""
    splits = {name: TextSplits(each, sampling, **how) for name, each in corpus.sources.items()}
    sizes = {name: each.meta["parts"]["train"]["num_tokens"] for name, each in corpus.sources.items()}
    mixture = make(config.mixture)(sizes=sizes) if config.get("mixture") else proportional(sizes=sizes)
    if isinstance(mixture, AdaptiveMixture):
        raise UserError("mixture: adapts to each task's own validation, and the sources of a blend have none")
    targets = {name: each.tokens_per_example for name, each in splits.items()}
    mixed = MixedSplits(splits, mixture, targets_per_example=targets, batch_size=config.batch_size)
    return mixed.training


def make_data_module(config: DictConfig, splits: Splits, task: Task | Several) -> DataModule:
    return DataModule(
        splits=splits,
        collate=task.collate,
        batch_sizes=make_growth(config).batch_sizes(config.batch_size),
        num_workers=config.num_workers,
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


def load_run(run: str | Path, checkpoint: str = "best", *, merged: bool = False) -> LoadedRun:
    """A run's model with the weights of one of its checkpoints.

    Needs nothing but the run's folder, and that of its base where the run froze a part of it. `merged` puts
    low-rank adapters into the weights that they adapt, unless several tasks have their own (`of_task`).
    """
    folder = RunFolder.open(run)
    config = read_config(folder)
    tokenizer, task = open_tokenizer(folder.tokenizer), make_task(config)
    weights = load_weights(folder.resolve(checkpoint))
    model = make_model(config, tokenizer, task, initial=False)
    if missing := model.state_dict().keys() - weights.keys():
        if not has_base(config):
            raise UserError(f"{folder.path}: the checkpoint lacks {min(missing)}")
        if OmegaConf.select(config, "init.run"):
            config.init.run = base_of(folder, config.init.run)
        model = make_model(config, tokenizer, task)
    model.load_state_dict(weights, strict=False)
    if merged and not has_several(model):
        merge(model)
    return LoadedRun(model.eval(), tokenizer, config)


def base_of(folder: RunFolder, run: str) -> str:
    """Where the run lies that this one began from: at `run`, or as NAME/TIME under the same outputs.

    Raises UserError where it is at neither place.
    """
    beside = folder.path.absolute().parents[1].joinpath(*Path(run).parts[-2:])
    for path in (Path(run), beside):
        if RunFolder(path).config_file.is_file():
            return str(path)
    raise UserError(
        f"{folder.path} keeps what it trained alone: the rest is in init.run={run}, not found from here"
    )


def load_pretrained(config: DictConfig, *, needed: Sequence[str] = ("data", "task")) -> LoadedRun:
    """A checkpoint in Hugging Face's layout, with its task's heads, and the config of an evaluation."""
    for name in needed:
        if config.get(name) is None:
            raise UserError(f"{name}: a model that is no run needs one, as in {name}=...")
    if config.model._target_ != HUGGING_FACE:
        raise UserError(
            "model: one that is no run comes from a folder or the hub, as in model=hf model.path=..."
        )
    folder = local(config.model.path)
    tokenizer = make(config.tokenizer) if config.get("tokenizer") else open_tokenizer(folder)
    full = DictConfig(OmegaConf.merge(_DEFAULTS, OmegaConf.to_container(config, resolve=True)))
    model = make_model(full, tokenizer, make(config.task) if config.get("task") else None)
    load_heads(model, folder)
    return LoadedRun(model.eval(), tokenizer, full)


_DEFAULTS = OmegaConf.create(
    {
        "sampling": {"_target_": "gpt_exp.sampling.length_buckets.LengthBuckets"},
        "decode": {"_target_": "gpt_exp.decoding.greedy.Greedy"},
        "num_workers": 0,
        "repeat_steps": None,
    }
)
