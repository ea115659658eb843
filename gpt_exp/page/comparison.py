"""What runs reached, side by side, from their folders alone."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gpt_exp.page import numbers
from gpt_exp.run import lines
from gpt_exp.run.better import better
from gpt_exp.run.folder import RunFolder, read_json
from gpt_exp.run.identity import flat
from gpt_exp.run.summary import reached_in, result

SETTINGS = ("step", "lr", "gradient_norm", "tokens")  # In metrics.jsonl, yet nothing that a run reached.


class Compared(NamedTuple):
    """A run with all that a comparison reads of it."""

    name: str  # Short, and no other run's.
    folder: RunFolder
    config: dict[str, Any]  # By dotted key.
    metrics: lines.Metrics
    speed: lines.Metrics
    results: dict[str, Any]


class Result(NamedTuple):
    """A number that runs reached; `better` is min, max, or None where neither is."""

    name: str
    values: list[float | None]
    form: Callable[[float], str] = numbers.rounded
    better: str | None = None

    def texts(self) -> list[str | None]:
        return [None if value is None else self.form(value) for value in self.values]

    def change(self) -> str:
        """From the first of two runs to the second, in percent; empty where that says nothing."""
        if len(self.values) != 2 or not self.values[0] or self.values[1] is None:
            return ""
        percent = 100 * (self.values[1] / self.values[0] - 1)
        return (
            f"{percent:+.1f} %".replace("-", "−") if math.isfinite(percent) and abs(percent) >= 0.05 else ""
        )

    def best(self) -> set[int]:
        """The places of the best values; none where all are equal."""
        known = {i: value for i, value in enumerate(self.values) if value is not None and value == value}
        if self.better is None or len(set(known.values())) < 2:
            return set()
        top = (min if self.better == "min" else max)(known.values())
        return {i for i, value in known.items() if value == top}


def read(folders: Sequence[RunFolder]) -> list[Compared]:
    """The runs under their shortest names."""
    return [
        Compared(
            name,
            folder,
            _config(folder),
            lines.read_metrics(folder.metrics),
            lines.read_metrics(folder.speed),
            read_json(folder.results),
        )
        for name, folder in zip(names([folder.path for folder in folders]), folders, strict=True)
    ]


def names(paths: Sequence[Path]) -> list[str]:
    """The shortest ends of paths that tell them apart; where those are times, the experiments' names too."""
    parts = [list(path.absolute().parts) for path in paths]
    shortest = 1
    if all(_TIME.match(each[-1]) for each in parts):
        experiments = [each[-2] for each in parts]
        if len(set(experiments)) == len(paths):
            return experiments
        shortest += len(set(experiments)) > 1
        if len({each[-1][:10] for each in parts}) == 1:  # All of one day.
            parts = [[*each[:-1], each[-1][11:]] for each in parts]
    for length in range(shortest, max(map(len, parts)) + 1):
        found = ["/".join(each[-length:]) for each in parts]
        if len(set(found)) == len(found):
            break
    return found


_TIME = re.compile(r"\d{4}-\d\d-\d\d_")


def results(runs: Sequence[Compared]) -> list[Result]:
    """What the runs reached: the final evaluation, best and last of every metric, and the cost."""
    rows = [*_evaluated(runs), *_logged(runs), *_spent(runs)]
    return [row for row in rows if any(value is not None for value in row.values)]


def shared_metrics(runs: Sequence[Compared]) -> list[str]:
    """Names in metrics.jsonl that two runs or more have, losses first."""
    known = [{key for record in run.metrics for key in record} - {"step", "tokens"} for run in runs]
    every = {key for keys in known for key in keys if sum(key in other for other in known) > 1}
    return sorted(every, key=lambda key: (key not in _FIRST, _FIRST.index(key) if key in _FIRST else 0, key))


_FIRST = ("val/loss", "train/loss")


def samples(runs: Sequence[Compared]) -> dict[str, list[str | None]]:
    """By prompt, what each run wrote at the last step at which it wrote."""
    lasts = [lines.last_samples(run.folder.samples) for run in runs]
    prompts = dict.fromkeys(prompt for each in lasts for prompt in each)
    return {prompt: [each.get(prompt) for each in lasts] for prompt in prompts}


def _evaluated(runs: Sequence[Compared]) -> list[Result]:
    """Of results.json: the best checkpoint on all of each split."""
    metrics = dict.fromkeys(
        f"{split}/{metric}"
        for run in runs
        for split, each in run.results.items()
        if isinstance(each, Mapping)
        for metric in each
    )
    return [
        Result(f"final {metric}", [result(run.results, metric) for run in runs], better=better(metric))
        for metric in metrics
        if better(metric)  # Others (gzip, xz) tell of the text.
    ]


def _logged(runs: Sequence[Compared]) -> list[Result]:
    """Of metrics.jsonl."""
    metrics = dict.fromkeys(key for run in runs for record in run.metrics for key in record)
    val_loss_first = sorted(
        metrics.keys() - set(SETTINGS), key=lambda key: (key[:4] != "val/", key != "val/loss", key)
    )
    return [row for metric in val_loss_first for row in _reached(runs, metric)]


def _reached(runs: Sequence[Compared], metric: str) -> list[Result]:
    mode = better(metric)
    reached = [reached_in(run.metrics, {}, metric, mode or "min") for run in runs]
    best, last = [each and each.best for each in reached], [each and each.last for each in reached]
    if mode is None:
        return [Result(f"last {metric}", last)]
    if best == last:
        return [Result(f"best = last {metric}", best, better=mode)]
    return [Result(f"best {metric}", best, better=mode), Result(f"last {metric}", last, better=mode)]


def _spent(runs: Sequence[Compared]) -> list[Result]:
    steps = [lines.last(run.metrics, "step") for run in runs]
    tokens = [
        lines.first(result(run.results, "num_tokens_seen"), lines.last(run.metrics, "tokens")) for run in runs
    ]
    seconds = [
        lines.first(result(run.results, "seconds"), lines.last(run.speed, "speed/elapsed_seconds"))
        for run in runs
    ]
    speeds = [a / b if a and b else None for a, b in zip(tokens, seconds, strict=True)]
    return [
        Result("parameters", [result(run.results, "num_parameters") for run in runs], numbers.count),
        Result("steps", steps),
        Result("tokens", tokens, numbers.count),
        Result("training time", seconds, numbers.duration),
        Result("memory at most", [result(run.results, "peak_memory") for run in runs], numbers.size),
        Result("tokens/s", speeds, numbers.count, better="max"),
    ]


def _config(folder: RunFolder) -> dict[str, Any]:
    """By dotted key, as saved; a run's own folder, which is in many values, counts as the same in all."""
    config = flat(folder.plain_config(), resolve=False)
    own = config.get("paths.run")
    return {
        key: value.replace(own, "<run>") if isinstance(own, str) and own and isinstance(value, str) else value
        for key, value in config.items()
    }
