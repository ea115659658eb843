"""Pretraining: one task, from text alone."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from gpt_exp.growth.context import cut
from gpt_exp.interfaces import Batch, Loss, TextTask
from gpt_exp.module.base import LanguageModule


class Pretraining(LanguageModule):
    """Trains on one task; validates loss, perplexity and bits per byte on held-out text."""

    def __init__(self, *, task: TextTask, bytes_per_target: float | None, **base: Any) -> None:
        super().__init__(**base)
        self.task = task
        self.validation = task.metric(bytes_per_target=bytes_per_target)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        length = self.context_lengths.at(self.trainer.global_step)
        return super().training_step(cut(batch, length), batch_idx)

    def compute_loss(self, batch: Batch) -> Loss:
        return self.task.loss(self.model, batch)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self.validation.update(self.compute_loss(batch))

    def on_validation_epoch_end(self) -> None:
        values = self.validation.compute()
        self.validation.reset()
        self.report({f"val/{name}": float(value) for name, value in values.items()})
