"""Long sequences as several short ones."""

from __future__ import annotations

from gpt_exp.interfaces import Batch


def cut(batch: Batch, length: int) -> Batch:
    """The batch `(batch, time)` as `(batch * time / length, length)`.

    It has the same tokens and targets; at an end of a cut the target is still the token that came next.
    """
    if batch.tokens.shape[1] == length:
        return batch
    assert batch.extras is None, "text has none"
    documents = None if batch.documents is None else batch.documents.reshape(-1, length)
    return Batch(batch.tokens.reshape(-1, length), batch.targets.reshape(-1, length), documents)
