"""The stream of tokens that is sampled, and one example out of it."""

from __future__ import annotations

import numpy as np

from gpt_exp.interfaces import Example, TokenStream


def check_length(tokens: TokenStream, context_length: int) -> None:
    if len(tokens) <= context_length:
        needed = f"context_length + 1 = {context_length + 1}"
        raise ValueError(
            f"the training split has {len(tokens)} tokens, fewer than {needed}: "
            "give more text, or a smaller context_length"
        )


def packed_example(tokens: np.ndarray, end_of_text: int) -> Example:
    """With the number of each token's document: an end of text begins the next one."""
    return Example(tokens, np.cumsum(tokens[:-1] == end_of_text))
