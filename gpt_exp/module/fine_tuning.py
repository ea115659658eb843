"""Fine-tuning: a task's records, judged in training by the task's own metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from gpt_exp.interfaces import Batch, Choosing, Decoding, Loss, Record, RecordTask
from gpt_exp.module.answers import judge, spread
from gpt_exp.module.base import LanguageModule
from gpt_exp.module.embedding_noise import add_noise
from gpt_exp.module.r_drop import check, r_drop_loss
from gpt_exp.task.token_loss import TokenLoss


class FineTuning(LanguageModule):
    """Trains on a task whose data are records; validates the loss, and the task's metric on predictions.

    `num_predicted` records of the validation split, spread over it, are answered at each validation. A
    step's gradient is that of the mean over all its targets, however they fall into micro-batches and
    devices. `noise` is NEFTune's alpha (Jain et al. 2023, arXiv:2310.05914). `r_drop` weighs how far two
    passes with other dropout are apart (`gpt_exp/module/r_drop.py`); `train/loss` holds it too.
    """

    def __init__(
        self,
        *,
        task: RecordTask,
        decoding: Decoding,
        validation_records: Sequence[Record],
        prediction_batch_size: int,
        num_predicted: int = 200,
        noise: float = 0.0,
        r_drop: float = 0.0,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        check(task, r_drop)
        self.task, self.decoding, self.r_drop = task, decoding, r_drop
        self.predicted = spread(validation_records, num_predicted)
        self.prediction_batch_size = prediction_batch_size
        self.losses, self.predictions = TokenLoss(), task.metric()
        if noise:
            add_noise(self.model, noise)

    def compute_loss(self, batch: Batch) -> Loss:
        if self.r_drop and self.training:
            return r_drop_loss(cast(Choosing, self.task), self.model, batch, self.r_drop)
        return self.task.loss(self.model, batch)

    def gradient_factor(self) -> float:
        return self.tokens_per_step / max(1.0, float(self._step_loss().num_targets))

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self.losses.update(self.compute_loss(batch))

    def on_validation_epoch_end(self) -> None:
        values = self._judge() | self.losses.compute()  # A perplexity of all targets, not of some records.
        self.losses.reset()
        self.predictions.reset()
        self.report({f"val/{name}": float(value) for name, value in values.items()})

    def _judge(self) -> dict[str, Any]:
        return judge(
            self,
            self.task,
            self.model,
            self.predicted,
            decoding=self.decoding,
            metric=self.predictions,
            batch_size=self.prediction_batch_size,
        )
