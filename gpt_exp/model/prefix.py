"""What stands before a text and is no text: hidden vectors in the place of embeddings."""

from __future__ import annotations

import torch
from torch import Tensor


def with_prefix(embeddings: Tensor, prefix: Tensor | None) -> Tensor:
    """`embeddings` `(batch, time, embedding_dim)` whose first n are `prefix` `(batch, n, embedding_dim)`.

    Raises ValueError where the prefix is longer than the text.
    """
    if prefix is None:
        return embeddings
    length, time = prefix.shape[1], embeddings.shape[1]
    if length > time:
        raise ValueError(f"a prefix of {length} vectors wants as many tokens in its place, not {time}")
    return torch.cat([prefix.to(embeddings.dtype), embeddings[:, length:]], dim=1)
