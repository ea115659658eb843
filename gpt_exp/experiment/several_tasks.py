"""From a config of several tasks to objects: the parts of each, as if it were alone, and what joins them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lightning.pytorch import Trainer
from lightning.pytorch.loggers import Logger
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy
from omegaconf import DictConfig

from gpt_exp.adapter.low_rank import merge
from gpt_exp.config.several import WEIGHT, alone, chosen
from gpt_exp.corpus.record_split import divide
from gpt_exp.corpus.record_splits import RecordSplits
from gpt_exp.corpus.split import Split
from gpt_exp.data import pieces
from gpt_exp.errors import UserError
from gpt_exp.experiment.data import (
    NOTHING_HELD_OUT,
    Data,
    keep,
    kept_tokenizer,
    make_data,
    make_tokenizer,
    texts_of,
)
from gpt_exp.experiment.model import LoadedRun, make_model
from gpt_exp.experiment.parts import make, make_task
from gpt_exp.experiment.splits import make_data_module, make_splits
from gpt_exp.experiment.trainer import make_trainer
from gpt_exp.experiment.training import Experiment, how_to_train
from gpt_exp.interfaces import (
    AdaptiveMixture,
    GradientBalancing,
    Mixture,
    Model,
    NormBalancing,
    OfItems,
    Piece,
    Source,
    Tokenizer,
)
from gpt_exp.mixture import constant
from gpt_exp.mixture.mixed_splits import BETWEEN
from gpt_exp.mixture.twin import twin_batch_size
from gpt_exp.module.multi_task import MultiTask
from gpt_exp.run.folder import RunFolder
from gpt_exp.task.several import Several, TaskModel
from gpt_exp.tokenizer.tokenizer import FastTokenizer


class SeveralData(NamedTuple):
    """What a run of several tasks learns from."""

    tokenizer: Tokenizer
    tasks: dict[str, Data]
    identity: dict[str, Any]


def make_multi_task_experiment(config: DictConfig, folder: RunFolder, loggers: list[Logger]) -> Experiment:
    """Everything a training run needs, with the tokenizer kept in the run's folder."""
    trainer = make_trainer(config, folder, loggers)
    task = make_task(config)
    balance = make_balance(config, list(task.tasks), trainer)
    data = make_several_data(config, kept_tokenizer(folder))
    keep(folder, data.tokenizer, data.identity)
    model = make_model(config, data.tokenizer, task)
    mixture = make_mixture(config, data)
    if config.get("only"):
        config, task, data = twin(config, task, data, mixture, trainer)
        mixture = constant.uniform(sizes={config.only: 1})
    module: MultiTask = make(config.module)(
        model=model,
        task=task,
        tokenizer=data.tokenizer,
        splits=make_several_splits(config, data, model, task, mixture),
        mixture=mixture,
        weights={name: config.tasks[name].get(WEIGHT, 1.0) for name in task.tasks},
        balance=balance,
        decoding={name: make(alone(config, name).decode) for name in task.tasks},
        batch_size=config.batch_size,
        repeat_steps=config.repeat_steps,
        **how_to_train(config, model),
    )
    return Experiment(module, make_data_module(config, module.mixed, task), trainer)


def twin(
    config: DictConfig, task: Several, data: SeveralData, mixture: Mixture, trainer: Trainer
) -> tuple[DictConfig, Several, SeveralData]:
    """The run of the task `only`, beside which nothing is learnt: its losses are not balanced.

    Model and tokenizer are those of all tasks, and it reads its examples in the order that it has among them.
    """
    name, found = str(config.only), config.copy()
    found.batch_size = twin_batch_size(
        mixture,
        list(task.tasks),
        name,
        batch_size=config.batch_size,
        num_steps=config.trainer.max_steps,
        divisor=trainer.accumulate_grad_batches * trainer.world_size,
    )
    return found, Several({name: task.tasks[name]}), data._replace(tasks={name: data.tasks[name]})


def make_several_data(config: DictConfig, tokenizer: Tokenizer | None = None) -> SeveralData:
    """One tokenizer for all tasks, unless it is there already, and each task's records."""
    views = {str(name): alone(config, name) for name in config.tasks}
    sources = {name: make(view.data) for name, view in views.items()}
    tokenizer = tokenizer or make_common_tokenizer(config, views, sources)
    tasks = {name: _data_of(view, name, tokenizer, sources[name]) for name, view in views.items()}
    return SeveralData(tokenizer, tasks, {"tasks": {name: data.identity for name, data in tasks.items()}})


def make_common_tokenizer(
    config: DictConfig, views: Mapping[str, DictConfig], sources: Mapping[str, Any]
) -> Tokenizer:
    """What the config describes, of the text of all tasks, and beside it each item a token."""
    tasks = {name: make(view.task) for name, view in views.items()}
    of_text = [name for name, task in tasks.items() if not isinstance(task, OfItems)] or list(views)
    splits = {name: Split(**view.split) for name, view in views.items()}
    text = Texts({name: texts_of(sources[name], tasks[name], splits[name]) for name in of_text})
    tokenizer = make_tokenizer(config, text, NOTHING_HELD_OUT, Path(config.paths.cache))
    counts: Counter[str] = Counter()
    for name in views.keys() - of_text:
        for record in divide(sources[name].read(), splits[name])["train"]:
            counts.update(tasks[name].items(record))
    if not counts:
        return tokenizer
    if not isinstance(tokenizer, FastTokenizer):
        raise UserError(f"tokenizer: {config.tokenizer._target_} has no place for items beside text")
    return tokenizer.with_items(sorted(counts, key=lambda item: (-counts[item], item)))


def _data_of(config: DictConfig, name: str, tokenizer: Tokenizer, source: Any) -> Data:
    """UserError that names the task where it learns from text, or its data are none for it."""
    try:
        data = make_data(config, tokenizer, source)
    except UserError as error:
        raise UserError(f"tasks.{name}.{error}") from error
    if not isinstance(data.content, Mapping):
        raise UserError(f"tasks.{name}.task: {config.task._target_} learns from text, and no record")
    return data


class Texts:
    """The texts of several sources, one after another."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = sources

    def fingerprint(self) -> str:
        return pieces.fingerprint_of_sources(self._sources)

    def pieces(self) -> Iterator[Piece]:
        return pieces.of_sources(self._sources)


def make_mixture(config: DictConfig, data: SeveralData) -> Mixture:
    """The mixture over the tasks' training records; UserError where it cannot learn from validation."""
    content: Mapping[str, Any] = {name: each.content for name, each in data.tasks.items()}
    mixture = make(config.mixture)(sizes={name: len(parts["train"]) for name, parts in content.items()})
    if isinstance(mixture, AdaptiveMixture):
        if config.num_workers:
            raise UserError(f"num_workers={config.num_workers}: must be 0 where the mixture adapts")
        if without := [name for name, parts in content.items() if "val" not in parts]:
            raise UserError(f"tasks.{without[0]}: has no validation part, by which the mixture adapts")
    return mixture


def make_balance(config: DictConfig, names: Sequence[str], trainer: Trainer) -> Any:
    """What weighs the tasks' losses; None where they are summed up as they are, or `only` one is learnt.

    UserError where it, or the module's cosines, need each task's own gradients and this trainer has none.
    """
    if config.get("only"):
        return None
    balance = make(config.balance)(names) if config.get("balance") else None
    every = config.module.get("cosine_every_n_steps")
    if every is not None:
        _check_gradients(f"module.cosine_every_n_steps={every}", trainer)
    if isinstance(balance, NormBalancing | GradientBalancing):
        _check_gradients(f"balance: {config.balance._target_.rpartition('.')[2]}", trainer)
    return balance


def _check_gradients(wanting: str, trainer: Trainer) -> None:
    wants = f"{wanting} wants each task's own gradients"
    if trainer.precision == "16-mixed":
        raise UserError(f"{wants}, which trainer.precision=16-mixed scales; take bf16-mixed or 32-true")
    if not isinstance(trainer.strategy, SingleDeviceStrategy | DDPStrategy):
        strategy = type(trainer.strategy).__name__
        raise UserError(f"{wants}, which trainer.strategy ({strategy}) may shard; take trainer=ddp")


def make_several_splits(
    config: DictConfig, data: SeveralData, model: Model, task: Several, mixture: Mixture
) -> dict[str, RecordSplits]:
    """Each task's examples; records of like length stand together for as many as a step has of the task."""
    found = {}
    for share, (name, own) in zip(mixture.shares(0), data.tasks.items(), strict=True):
        view = alone(config, name)
        if config.module.get("unit") != "step":
            view.batch_size = max(1, round(share * config.batch_size))
        splits = make_splits(view, own, model, task.tasks[name])
        assert isinstance(splits, RecordSplits)
        found[name] = splits
    return found


def prefix_of(name: str) -> str:
    """What stands before a split's name where it is one task's of several: "translation.test"."""
    return f"{name}{BETWEEN}"


def of_task(run: LoadedRun, name: str, *, merged: bool = False) -> LoadedRun:
    """A run of several tasks as one of this task alone.

    `merged` puts the task's own adapter, if it has one, into the model's weights, in place: the run is of no
    other task from then on.
    """
    if merged:
        merge(run.model, name)
    return LoadedRun(TaskModel(run.model, name), run.tokenizer, alone(run.config, name))


def of_one_task(run: LoadedRun, of: str | None, *, merged: bool = False) -> LoadedRun:
    """The run as one of the task `of=NAME`, itself where it has one task. UserError as of `chosen`."""
    name = chosen(run.config, of, "of")
    return of_task(run, name, merged=merged) if name else run
