"""All disjoint blocks of a split in order: every token but the first is a target once."""

from __future__ import annotations

import numpy as np

from gpt_exp.interfaces import IGNORE_INDEX, Example, TokenStream
from gpt_exp.sampling.stream import packed_example


class Blocks:
    """Block i reads tokens [i * context_length, (i + 1) * context_length); the last one is padded.

    Examples tell documents apart where `end_of_text` is given.
    """

    def __init__(self, tokens: TokenStream, context_length: int, *, end_of_text: int | None = None) -> None:
        if len(tokens) < 2:
            raise ValueError(f"the split has {len(tokens)} tokens: nothing can be predicted")
        self._tokens, self._context_length, self._end_of_text = tokens, context_length, end_of_text

    def __len__(self) -> int:
        return -(-(len(self._tokens) - 1) // self._context_length)  # Rounded up.

    def __getitem__(self, index: int) -> Example:
        if not 0 <= index < len(self):
            raise IndexError(f"block {index} of {len(self)}")
        start = index * self._context_length
        block = np.full(self._context_length + 1, IGNORE_INDEX)
        window = self._tokens[start : start + self._context_length + 1]
        block[: len(window)] = window
        return Example(block) if self._end_of_text is None else packed_example(block, self._end_of_text)
