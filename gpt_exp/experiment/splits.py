"""The examples of each split, and the batches that are made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from omegaconf import DictConfig

from gpt_exp.corpus.blended import BlendedCorpus
from gpt_exp.corpus.prepare import Corpus
from gpt_exp.corpus.record_splits import RecordSplits
from gpt_exp.corpus.text_splits import TextSplits
from gpt_exp.data_module import DataModule, Splits
from gpt_exp.errors import UserError
from gpt_exp.experiment.data import Data
from gpt_exp.experiment.parts import make, make_growth
from gpt_exp.interfaces import AdaptiveMixture, Examples, Model, RecordSampling, Sampling, Task
from gpt_exp.mixture.constant import proportional
from gpt_exp.mixture.mixed_splits import MixedSplits
from gpt_exp.task.several import Several


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
