"""A split's records answered and judged, with intervals; and what is kept of it in the run's folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.progress import Progress

from gpt_exp.errors import UserError
from gpt_exp.interfaces import Prediction, PredictionMetric, Record
from gpt_exp.run.durable import write_file
from gpt_exp.run.loads import loads
from gpt_exp.task.metric.bootstrap import Interval, intervals

Answer = Callable[[Sequence[Record]], list[Prediction]]


class Judged(NamedTuple):
    """Predictions for one split's records, and what they come to."""

    predictions: list[Prediction]
    statistics: np.ndarray  # (predictions, num_statistics)
    scores: list[float]  # Of each prediction alone.
    figures: dict[str, float]
    intervals: dict[str, Interval]  # 95 %, bootstrapped over predictions.


def judge(
    records: Sequence[Record],
    answer: Answer,
    metric: PredictionMetric,
    *,
    batch_size: int,
    seed: int,
    title: str = "",
) -> Judged:
    """Answer all records, those of like length together, and judge the answers."""
    predictions = answered(records, answer, batch_size=batch_size, title=title)
    statistics = np.stack([metric.statistics(prediction) for prediction in predictions])
    return Judged(
        predictions,
        statistics,
        [metric.score(prediction) for prediction in predictions],
        metric.values(statistics.sum(0)),
        intervals(metric, statistics, seed=seed),
    )


def answered(
    records: Sequence[Record], answer: Answer, *, batch_size: int, title: str = ""
) -> list[Prediction]:
    """Predictions in the order of the records."""
    order = sorted(range(len(records)), key=lambda i: _length(records[i]))
    found: dict[int, Prediction] = {}
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task(f"answering {title}", total=len(records))
        for start in range(0, len(order), batch_size):
            numbers = order[start : start + batch_size]
            found.update(zip(numbers, answer([records[i] for i in numbers]), strict=True))
            progress.advance(bar, len(numbers))
    return [found[i] for i in range(len(records))]


def _length(record: Record) -> int:
    return sum(len(value) for value in record.values() if isinstance(value, str | list))


def save(folder: Path, split: str, judged: Judged, metric: PredictionMetric, **how: Any) -> None:
    """Write predictions/SPLIT.jsonl, and the split's entry of predictions/summary.json."""
    lines = [
        json.dumps(
            {
                "index": index,
                "input": prediction.input,
                "reference": prediction.reference,
                "output": prediction.output,
                "score": score,
                "statistics": statistics.tolist(),
            },
            ensure_ascii=False,
        )
        for index, (prediction, statistics, score) in enumerate(
            zip(judged.predictions, judged.statistics, judged.scores, strict=True)
        )
    ]
    write_file(predictions_file(folder, split), "\n".join(lines) + "\n")
    summary = folder / "predictions" / "summary.json"
    known = loads(summary.read_bytes()) if summary.exists() else {}
    known[split] = {
        "figures": judged.figures,
        "intervals": judged.intervals,
        "main": metric.main,
        "higher_is_better": metric.higher_is_better,
        "num_predictions": len(judged.predictions),
        **how,
    }
    write_file(summary, json.dumps(known, indent=1))


def predictions_file(folder: Path, split: str) -> Path:
    return folder / "predictions" / f"{split}.jsonl"


def saved_statistics(folder: Path, split: str) -> tuple[list[Any], np.ndarray]:
    """References and statistics of another run's predictions; raises UserError where it has none."""
    file = predictions_file(folder, split)
    if not file.is_file():
        raise UserError(f"{folder} has no predictions for {split}: gpt-exp evaluate run={folder} first")
    rows: list[Mapping[str, Any]] = [loads(line) for line in file.read_bytes().splitlines()]
    return [row["reference"] for row in rows], np.array([row["statistics"] for row in rows])
