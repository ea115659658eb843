"""Predict the next token: self-supervised pretraining."""

from __future__ import annotations

from collections.abc import Sequence

from gpt_exp.interfaces import Batch, Example, LanguageModel, Loss
from gpt_exp.task.collate import collate
from gpt_exp.task.token_loss import TokenLoss


class LanguageModeling:
    """Every token but the first is a target. Of records `fields` are read, line by line, or all texts."""

    name = "language_modeling"

    def __init__(self, *, fields: Sequence[str] | None = None) -> None:
        self.text_fields = fields

    def collate(self, examples: Sequence[Example]) -> Batch:
        return collate(examples)

    def loss(self, model: LanguageModel, batch: Batch) -> Loss:
        return model.loss(model(batch.tokens, documents=batch.documents), batch.targets)

    def metric(self, *, bytes_per_target: float | None) -> TokenLoss:
        return TokenLoss(bytes_per_target=bytes_per_target)
