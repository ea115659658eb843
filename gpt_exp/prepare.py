"""gpt-exp prepare: train the tokenizer and tokenise the text now, so that a later `train` starts at once."""

from __future__ import annotations

from omegaconf import DictConfig

from gpt_exp.corpus.prepare import Corpus
from gpt_exp.experiment import make_data


def main(config: DictConfig, overrides: list[str]) -> None:
    """Fill the cache for a training configuration, and say what is in it."""
    tokenizer, corpus, _ = make_data(config)
    print(f"{tokenizer.vocab_size:,} tokens in the vocabulary")
    if not isinstance(corpus, Corpus):
        for split, records in corpus.items():
            print(f"{split:6}{len(records):>12,} records")
        return
    print(f"the corpus is in {corpus.folder}")
    for split, meta in corpus.meta["parts"].items():
        print(
            f"{split:6}{meta['num_documents']:>12,} documents{meta['num_tokens']:>16,} tokens"
            f"{meta['num_bytes']:>16,} bytes"
        )
