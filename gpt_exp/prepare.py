"""gpt-exp prepare: train the tokenizer and tokenise the text now, so that a later `train` starts at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig

from gpt_exp.corpus.blended import BlendedCorpus
from gpt_exp.experiment.data import make_data
from gpt_exp.experiment.several_tasks import make_several_data


def main(config: DictConfig, overrides: list[str]) -> None:
    """Fill the cache for a training configuration, and say what is in it."""
    if config.get("tasks"):
        prepare_several(config)
        return
    tokenizer, corpus, _ = make_data(config)
    print(f"{tokenizer.vocab_size:,} tokens in the vocabulary")
    if isinstance(corpus, Mapping):
        for split, records in corpus.items():
            print(f"{split:6}{len(records):>12,} records")
        return
    for each in corpus.sources.values() if isinstance(corpus, BlendedCorpus) else [corpus]:
        print(f"the corpus is in {each.folder}")
    for split, meta in corpus.meta["parts"].items():
        print(
            f"{split:6}{meta['num_documents']:>12,} documents{meta['num_tokens']:>16,} tokens"
            f"{meta['num_bytes']:>16,} bytes"
        )


def prepare_several(config: DictConfig) -> None:
    """The same for several tasks."""
    tokenizer, tasks, _ = make_several_data(config)
    print(f"{tokenizer.vocab_size:,} tokens in the vocabulary")
    for name, data in tasks.items():
        content: Any = data.content
        for split, records in content.items():
            print(f"{name:20}{split:6}{len(records):>12,} records")
