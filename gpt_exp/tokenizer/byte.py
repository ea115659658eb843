"""Bytes as tokens: no training, no unknown text."""

from gpt_exp.tokenizer.byte_level import byte_level
from gpt_exp.tokenizer.tokenizer import END_OF_TEXT, FastTokenizer


def byte() -> FastTokenizer:
    """Token = value of the UTF-8 byte; 256 is the end of text."""
    vocab = {bytes([value]): value for value in range(256)}
    return FastTokenizer(byte_level(vocab, pattern=None, special_tokens={END_OF_TEXT: 256}))
