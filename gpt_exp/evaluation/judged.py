"""A split's records answered and judged, with intervals; and what is kept of it in the run's folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gpt_exp.evaluation.batches import in_batches, length_of
from gpt_exp.interfaces import Prediction, PredictionMetric, Record
from gpt_exp.run.durable import write_file
from gpt_exp.run.folder import read_json
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
    predictions = in_batches(
        records, answer, length=length_of, batch_size=batch_size, title=f"answering {title}"
    )
    statistics = np.stack([metric.statistics(prediction) for prediction in predictions])
    return Judged(
        predictions,
        statistics,
        [metric.score(prediction) for prediction in predictions],
        metric.values(statistics.sum(0)),
        intervals(metric, statistics, seed=seed),
    )


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
    known = read_json(summary_file(folder))
    known[split] = {
        "figures": judged.figures,
        "intervals": judged.intervals,
        "main": metric.main,
        "higher_is_better": metric.higher_is_better,
        "num_predictions": len(judged.predictions),
        **how,
    }
    write_file(summary_file(folder), json.dumps(known, indent=1))


def summary_file(folder: Path) -> Path:
    return folder / "predictions" / "summary.json"


def predictions_file(folder: Path, split: str) -> Path:
    return folder / "predictions" / f"{split}.jsonl"


def read_predictions(folder: Path, split: str) -> tuple[list[Any], np.ndarray, str]:
    """References and statistics of a split's saved predictions, and the name of their main figure."""
    lines = predictions_file(folder, split).read_bytes().splitlines()
    rows: list[Mapping[str, Any]] = [loads(line) for line in lines]
    main = str(read_json(summary_file(folder)).get(split, {}).get("main"))
    return [row["reference"] for row in rows], np.array([row["statistics"] for row in rows]), main
