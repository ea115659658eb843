"""Predict the next token: self-supervised pretraining."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from gpt_exp.interfaces import IGNORE_INDEX, Batch, Example, LanguageModel, Loss
from gpt_exp.task.token_loss import TokenLoss


class LanguageModeling:
    """Every token but the first is a target."""

    name = "language_modeling"

    def collate(self, examples: Sequence[Example]) -> Batch:
        """Sequences of `time + 1` tokens to tokens and targets `(batch, time)`, one token apart."""
        tokens = torch.from_numpy(np.stack([example.tokens for example in examples]).astype(np.int64))
        inputs, targets = tokens[:, :-1], tokens[:, 1:].contiguous()
        padded = inputs.masked_fill(inputs == IGNORE_INDEX, 0)  # Any token will do: nothing after it counts.
        documents = [example.documents for example in examples if example.documents is not None]
        if not documents:
            return Batch(padded, targets)
        return Batch(padded, targets, torch.from_numpy(np.stack(documents).astype(np.int64)))

    def loss(self, model: LanguageModel, batch: Batch) -> Loss:
        return model.loss(model(batch.tokens, documents=batch.documents), batch.targets)

    def metric(self, *, bytes_per_target: float | None) -> TokenLoss:
        return TokenLoss(bytes_per_target=bytes_per_target)
