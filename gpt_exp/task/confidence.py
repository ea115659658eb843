"""How sure a model is of what it wrote."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from gpt_exp.decoding.context import device_of, evaluating
from gpt_exp.interfaces import IGNORE_INDEX, Model, Record, RecordTask, Tokenizer
from gpt_exp.task.collate import on_device
from gpt_exp.task.target_loss import target_logits


def mean_probabilities(
    task: RecordTask, model: Model, records: Sequence[Record], tokenizer: Tokenizer
) -> list[float]:
    """The geometric mean of the probabilities of each record's target tokens, its end among them."""
    length = model.shape.context_length
    examples = [task.example(record, tokenizer, context_length=length) for record in records]
    batch = on_device(task.collate(examples), device_of(model))
    with evaluating(model), torch.no_grad():
        logits, targets = target_logits(model, batch)
    found = logits.float().log_softmax(-1).gather(-1, targets[:, None])[:, 0]
    counts = (batch.targets != IGNORE_INDEX).sum(1).tolist()
    return [float(own.mean().exp()) for own in found.split(counts)]
