"""What a run learns from: its tokenizer, and its texts or records."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import DictConfig, OmegaConf

from gpt_exp.config.data_fingerprint import fingerprint_beside
from gpt_exp.corpus.blended import BlendedCorpus, TrainingTexts, prepare_blend
from gpt_exp.corpus.prepare import Corpus, prepare, train_tokenizer
from gpt_exp.corpus.record_split import divide, warn_of_repeated
from gpt_exp.corpus.record_texts import RecordTexts
from gpt_exp.corpus.split import Split
from gpt_exp.data.blend import Blend
from gpt_exp.errors import UserError
from gpt_exp.experiment.parts import make
from gpt_exp.interfaces import Record, RecordTask, Source, Tokenizer
from gpt_exp.run.durable import write_file
from gpt_exp.run.folder import RunFolder
from gpt_exp.tokenizer.file import open as open_tokenizer

NOTHING_HELD_OUT = Split(val_fraction=0, test_fraction=0)


class Data(NamedTuple):
    """What a run learns from."""

    tokenizer: Tokenizer
    content: Corpus | BlendedCorpus | Mapping[str, Sequence[Record]]
    identity: dict[str, Any]  # Of the content: equal data, equal identity.


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
    if not hasattr(source, "read") and getattr(task, "text_fields", None):
        raise UserError(f"task.fields: data: {config.data._target_} gives text, and no records with fields")
    if isinstance(source, Blend):
        return make_blend(config, tokenizer, source, split)
    text: Source = texts_of(source, task, split) if hasattr(source, "read") else source
    if tokenizer is None:  # The text of records holds none but training records: all of it is learnt from.
        learnt = NOTHING_HELD_OUT if wants_records else split
        tokenizer = make_tokenizer(config, text, learnt, cache)
    if not wants_records:
        corpus = prepare(text, tokenizer, split, cache=cache)
        return Data(tokenizer, corpus, corpus.meta["identity"])
    identity = {"source": source.fingerprint(), "split": dict(config.split), **beside(config)}
    records = divide(source.read(), split)
    warn_of_repeated(records)
    return Data(tokenizer, records, identity)


def beside(config: DictConfig) -> dict[str, str]:
    """Of the files that augmentations read, such as paraphrases: what is learnt hangs on them, too."""
    node = OmegaConf.select(config, "augmentation")
    read = fingerprint_beside(OmegaConf.to_container(node, resolve=True)) if node else None
    return {} if read is None else {"augmentation": read}


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
