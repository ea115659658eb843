"""Loss per target token, over any number of batches and devices."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torchmetrics import Metric

from gpt_exp.interfaces import Loss


class TokenLoss(Metric):
    """Mean loss in nats, its perplexity and, where the text's length is known, bits per byte.

    Bits per byte compare models whatever their tokenizer: total nats / ln 2 / bytes of the text.
    """

    full_state_update = False
    total: Tensor
    num_targets: Tensor

    def __init__(self, *, bytes_per_target: float | None = None) -> None:
        super().__init__()
        self.bytes_per_target = bytes_per_target
        self.add_state("total", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("num_targets", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, loss: Loss) -> None:
        self.total += loss.total.detach()
        self.num_targets += loss.num_targets

    def compute(self) -> dict[str, Tensor]:
        loss = self.total / self.num_targets
        values = {"loss": loss, "perplexity": loss.exp()}
        if self.bytes_per_target:
            values["bits_per_byte"] = loss / (math.log(2) * self.bytes_per_target)
        return values
