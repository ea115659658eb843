"""A task's own metric at a validation: some of the held-out records, answered by all devices together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gpt_exp.interfaces import Decoding, Model, PredictionMetric, Record, RecordTask
from gpt_exp.module.base import LanguageModule


def spread(records: Sequence[Record], count: int) -> list[Record]:
    """At most `count` records, from the whole of a split. ValueError for a count below 0."""
    if count < 0:
        raise ValueError(f"module.num_predicted={count} must be at least 0")
    count = min(count, len(records))
    return [records[i * len(records) // count] for i in range(count)]


def judge(
    module: LanguageModule,
    task: RecordTask,
    model: Model,
    records: Sequence[Record],
    *,
    decoding: Decoding,
    metric: PredictionMetric,
    batch_size: int,
) -> dict[str, Any]:
    """The metric over this device's share of the records to answer, and all others'; {} without records."""
    if not records:
        return {}
    own = records[module.global_rank :: module.trainer.world_size]
    for start in range(0, len(own), batch_size):
        metric.update(task.predict(model, own[start : start + batch_size], module.tokenizer, decoding))
    return metric.compute()
