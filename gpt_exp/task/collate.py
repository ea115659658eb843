"""Examples to one batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from gpt_exp.interfaces import IGNORE_INDEX, Batch, Example


def collate(examples: Sequence[Example]) -> Batch:
    """Tokens and targets `(batch, time)`, one token apart, padded behind to the longest example.

    What is behind a causal model's tokens changes nothing about them. Extras are stacked.
    """
    longest = max(len(example.tokens) for example in examples)
    tokens = torch.from_numpy(np.stack([_padded(e.tokens, longest, IGNORE_INDEX) for e in examples]))
    inputs, targets = tokens[:, :-1], tokens[:, 1:].clone()  # A row alone would share its memory.
    if any(example.is_target is not None for example in examples):
        rows = [_target_mask(example, longest - 1) for example in examples]
        targets.masked_fill_(~torch.from_numpy(np.stack(rows)), IGNORE_INDEX)
    documents = None
    if all(example.documents is not None for example in examples):
        numbers = [_padded(e.documents, longest - 1, 0) for e in examples if e.documents is not None]
        documents = torch.from_numpy(np.stack(numbers))
    padded = inputs.masked_fill(inputs == IGNORE_INDEX, 0)  # Any token will do: nothing after it counts.
    return Batch(padded, targets, documents, _extras(examples))


def unlearnt_if_blank(example: Example, name: str) -> Example:
    """Without the target in this extra, where the example only fills up a device's share of a split."""
    if example.tokens[0] != IGNORE_INDEX:
        return example
    extras = example.extras or {}
    return example._replace(extras={**extras, name: np.full_like(extras[name], IGNORE_INDEX)})


def num_targets(example: Example) -> int:
    """How many tokens of an example carry loss."""
    learnt = example.tokens[1:] != IGNORE_INDEX
    return int((learnt if example.is_target is None else learnt & example.is_target).sum())


def on_device(batch: Batch, device: torch.device) -> Batch:
    """The batch where a model reads it."""
    extras = batch.extras and {name: tensor.to(device) for name, tensor in batch.extras.items()}
    documents = None if batch.documents is None else batch.documents.to(device)
    return Batch(batch.tokens.to(device), batch.targets.to(device), documents, extras)


def _padded(values: np.ndarray, length: int, filling: int) -> np.ndarray:
    padded = np.full(length, filling, dtype=np.int64)
    padded[: len(values)] = values
    return padded


def _target_mask(example: Example, length: int) -> np.ndarray:
    known = np.ones(len(example.tokens) - 1, bool) if example.is_target is None else example.is_target
    return np.pad(known, (0, length - len(known)))


def _extras(examples: Sequence[Example]) -> dict[str, torch.Tensor] | None:
    first = examples[0].extras
    if first is None:
        return None
    return {name: torch.from_numpy(np.stack([(e.extras or {})[name] for e in examples])) for name in first}
