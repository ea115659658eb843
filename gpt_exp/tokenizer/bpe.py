"""Byte-level byte-pair encoding, trained on the data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from gpt_exp.tokenizer.byte_level import GPT4_PATTERN, pre_tokenizer
from gpt_exp.tokenizer.tokenizer import END_OF_TEXT, FastTokenizer

MIN_VOCAB_SIZE = 256 + 1  # Every byte and the end of text.
SLICE_LENGTH = 2**14  # The library buffers 256 texts whatever their length: keep them short.


def train(texts: Iterable[str], *, vocab_size: int, min_frequency: int = 2) -> FastTokenizer:
    """Learn `vocab_size` tokens (fewer where the text has no more pairs that frequent); deterministic.

    Raises ValueError where vocab_size is below 257: all bytes and the end of text.
    """
    if vocab_size < MIN_VOCAB_SIZE:
        raise ValueError(
            f"tokenizer.vocab_size={vocab_size} is below {MIN_VOCAB_SIZE}: 256 bytes and {END_OF_TEXT}"
        )
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer(GPT4_PATTERN)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=min_frequency,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[END_OF_TEXT],
        show_progress=False,
    )
    tokenizer.train_from_iterator(_slices(texts), trainer)
    return FastTokenizer(tokenizer)


def _slices(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        for start in range(0, len(text), SLICE_LENGTH):
            yield text[start : start + SLICE_LENGTH]
