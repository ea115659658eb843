"""What an evaluation kept of a model's answers, as pages read it: figures by split, and chosen examples."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gpt_exp.errors import UserError
from gpt_exp.evaluation.judged import predictions_file, summary_file
from gpt_exp.page.numbers import several
from gpt_exp.run.folder import read_json
from gpt_exp.run.loads import loads

INSTEAD = ("data", "task")  # An entry has these where they are not the run's own.
NUM_EXAMPLES = 10  # Of each kind.
PART = "evaluated_share"  # An entry has it where a part of the split was answered.
HOW = (
    "decode",
    "shots",
    "checkpoint",
    "model",
    PART,
    *INSTEAD,
)  # What an entry says of how answers were made.
SEED = 0  # Of the examples at random, and of which stand for many with one score.

Interval = tuple[float, float]


class Figure(NamedTuple):
    """A number that tells how good the answers to a split are; 95 % intervals."""

    split: str
    name: str
    value: float
    interval: Interval | None = None
    better: str | None = None  # Of the main figure alone: "more" or "less".


class Evaluated(NamedTuple):
    """A split's entry of the summary."""

    split: str
    figures: list[Figure]  # The main one first.
    higher_is_better: bool
    num_predictions: int
    how: dict[str, Any]  # Such as {"shots": 5, "decode": "gpt_exp.decoding.beam.Beam(num_beams=5)"}.

    @property
    def title(self) -> str:
        """The split, and which share of it was answered where that is a part."""
        return f"{self.split}, {100 * self.how[PART]:.2g} % of it" if PART in self.how else self.split


def told_how(how: Mapping[str, Any]) -> list[str]:
    """Words for what predictions were made with."""
    called, bracket, settings = str(how.get("decode") or "").partition("(")
    decoding, shots = called.rpartition(".")[2] + bracket + settings, how.get("shots")
    return [
        *([f"decoding: {decoding}"] if decoding else []),
        *([several(shots, "shot")] if isinstance(shots, int) else []),
        *(f"{name}: {how[name]}" for name in ("checkpoint", "model", *INSTEAD) if name in how),
        *([f"of a part: {how[PART]:.1%} of the records"] if PART in how else []),
    ]


class Example(NamedTuple):
    """A prediction; all but the numbers are whatever JSON the task gave."""

    number: int  # In the file, from 0.
    score: float
    input: Any
    reference: Any
    output: Any


class Scored(NamedTuple):
    """The scores of a split's predictions in their order, and examples by what they are examples of."""

    scores: list[float]
    examples: dict[str, list[Example]]


def read_summary(folder: Path) -> list[Evaluated]:
    """The splits that were evaluated, in that order; none where there is no summary. Raises UserError."""
    file = summary_file(folder)
    return [_evaluated(file, split, entry) for split, entry in read_json(file).items()]


def _evaluated(file: Path, split: str, entry: Any) -> Evaluated:
    figures, intervals = (_part(file, split, entry, name) for name in ("figures", "intervals"))
    if not figures or not all(map(_is_number, figures.values())):
        raise UserError(f"{file} is damaged: {split} has no figures")
    main, higher = entry.get("main"), entry.get("higher_is_better") is not False
    names = sorted(figures, key=lambda name: name != main)
    better = {main: "more" if higher else "less"}
    found = [Figure(split, n, figures[n], _interval(intervals.get(n)), better.get(n)) for n in names]
    how = {name: entry[name] for name in HOW if entry.get(name)}
    number = entry.get("num_predictions")
    return Evaluated(split, found, higher, number if isinstance(number, int) else 0, how)


def _part(file: Path, split: str, entry: Any, name: str) -> Mapping[str, Any]:
    found = entry.get(name, {}) if isinstance(entry, Mapping) else None
    if not isinstance(found, Mapping):
        raise UserError(f"{file} is damaged: {split} has no {name}")
    return found


def _interval(found: Any) -> Interval | None:
    if isinstance(found, list) and len(found) == 2 and all(map(_is_number, found)):
        return found[0], found[1]
    return None


def read_examples(folder: Path, evaluated: Evaluated) -> Scored:
    """All scores of a split, and the examples that a page shows. Raises UserError for what is damaged."""
    file = _inside(folder, evaluated.split)
    lines = file.read_bytes().splitlines()
    if len(lines) != evaluated.num_predictions:
        raise UserError(
            f"{file} has {len(lines)} predictions, and summary.json tells of {evaluated.num_predictions}: "
            f"evaluate {folder} again"
        )
    scores = [_example(file, number, line).score for number, line in enumerate(lines)]
    chosen = choose(scores, higher_is_better=evaluated.higher_is_better)
    shown = {title: [_example(file, i, lines[i]) for i in numbers] for title, numbers in chosen.items()}
    return Scored(scores, shown)


def _inside(folder: Path, split: str) -> Path:
    """The split's file, if it lies where it should: the folder may come from anywhere."""
    file = predictions_file(folder, split)
    if not file.is_file():
        raise UserError(f"{file} does not exist, and summary.json tells of it: evaluate {folder} again")
    if file.resolve().parent != summary_file(folder).parent.resolve():
        raise UserError(f"{file} lies elsewhere: {file.resolve()}")
    return file


def _example(file: Path, number: int, line: bytes) -> Example:
    try:
        found = loads(line)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file} is damaged in line {number + 1}: {error}") from error
    if not isinstance(found, dict) or not _is_number(found.get("score")) or "output" not in found:
        raise UserError(f"{file} is damaged in line {number + 1}: it holds no output with its score")
    return Example(number, found["score"], found.get("input"), found.get("reference"), found["output"])


def choose(scores: Sequence[float], *, higher_is_better: bool) -> dict[str, list[int]]:
    """By title, numbers of predictions; of those with one score chance takes some, not the file's order."""
    shuffled = random.Random(SEED).sample(range(len(scores)), len(scores))
    sign = 1 if higher_is_better else -1
    ranked = sorted(_comparable(shuffled, scores), key=lambda i: sign * scores[i])
    if len(scores) <= 2 * NUM_EXAMPLES:
        without = [i for i in range(len(scores)) if math.isnan(scores[i])]
        return {"All, the worst first": [*ranked, *without]}
    return {
        "Worst": ranked[:NUM_EXAMPLES],
        "Best": ranked[: -NUM_EXAMPLES - 1 : -1],
        "At random": sorted(shuffled[:NUM_EXAMPLES]),
    }


def _comparable(numbers: Sequence[int], scores: Sequence[float]) -> Iterator[int]:
    return (i for i in numbers if not math.isnan(scores[i]))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
