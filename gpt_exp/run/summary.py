"""What a run reached: the best and the last value of a metric, from the files of its folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from gpt_exp.run.folder import RunFolder, read_json
from gpt_exp.run.lines import read_metrics


class Reached(NamedTuple):
    """A metric's values in one run."""

    best: float
    best_step: int | None  # None where only the final evaluation knows the metric.
    last: float
    last_step: int | None


def reached(folder: RunFolder, metric: str, mode: str = "min") -> Reached | None:
    """Of metrics.jsonl ("val/loss"), else of results.json ("test/bits_per_byte", "num_parameters")."""
    return reached_in(read_metrics(folder.metrics), read_json(folder.results), metric, mode)


def reached_in(
    metrics: Sequence[Mapping[str, Any]], results: Mapping[str, Any], metric: str, mode: str
) -> Reached | None:
    """As `reached`, of records that were read before; a value that is not finite is never the best."""
    assert mode in ("min", "max"), mode
    values = [(record["step"], record[metric]) for record in metrics if record.get(metric) is not None]
    if not values:
        value = result(results, metric)
        return None if value is None else Reached(value, None, value, None)
    sign = 1 if mode == "min" else -1
    finite = [(step, value) for step, value in values if abs(value) < float("inf")]
    step, best = min(finite or values, key=lambda pair: sign * pair[1])
    last_step, last = values[-1]
    return Reached(best, step, last, last_step)


def result(results: Mapping[str, Any], metric: str) -> float | None:
    """A number of results.json by its path."""
    node: Any = results
    for part in metric.split("/"):
        node = node.get(part) if isinstance(node, Mapping) else None
    return node if isinstance(node, int | float) else None


def metric_names(metrics: Sequence[Mapping[str, Any]], results: Mapping[str, Any]) -> list[str]:
    """Every name for which `reached_in` finds a value in these files, so that a misspelt one can be told."""
    return sorted({name for record in metrics for name in record if name != "step"} | set(_paths(results)))


def _paths(node: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for name, value in node.items():
        if isinstance(value, Mapping):
            yield from _paths(value, f"{above}{name}/")
        elif isinstance(value, int | float):
            yield f"{above}{name}"
