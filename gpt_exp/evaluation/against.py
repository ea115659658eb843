"""A run's answers beside another run's to the same records: is the difference more than chance?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gpt_exp.errors import UserError
from gpt_exp.evaluation.judged import predictions_file, read_predictions
from gpt_exp.interfaces import PredictionMetric, Record
from gpt_exp.task.metric.bootstrap import paired


class Other(NamedTuple):
    """Saved answers to a split."""

    run: str  # As it was given.
    split: str
    references: list[Any]
    statistics: np.ndarray  # (predictions, num_statistics)


def read_others(
    run: str, records: Mapping[str, Sequence[Record]], metric: PredictionMetric
) -> dict[str, Other]:
    """The other run's answers to these splits' records, read before anything is computed.

    Raises UserError where it has none, to other records, or judged by another metric.
    """
    folder, others = Path(run), {}
    for split, own in records.items():
        if not predictions_file(folder, split).is_file():
            raise UserError(
                f"against={run} has no predictions for {split}: gpt-exp evaluate run={run} splits=[{split}]"
            )
        references, statistics, judged_by = read_predictions(folder, split)
        if judged_by != metric.main:
            raise UserError(f"against={run}: its {split} was judged by {judged_by}, not by {metric.main}")
        if len(references) != len(own):
            raise UserError(
                f"against={run}: its {split} has other records, {len(references)} and not {len(own)}"
            )
        others[split] = Other(run, split, references, statistics)
    return others


def differences(
    folder: Path, other: Other, metric: PredictionMetric, *, seed: int
) -> dict[str, dict[str, float]]:
    """This run's figures less the other's, by a paired bootstrap (Koehn 2004); UserError as `read_others`."""
    references, statistics, _ = read_predictions(folder, other.split)
    if references != other.references:
        raise UserError(f"against={other.run}: its {other.split} has other records")
    return paired(metric, statistics, other.statistics, seed=seed)
