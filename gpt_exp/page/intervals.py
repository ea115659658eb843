"""Figures with their intervals, drawn as whiskers on the scale of their name."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from gpt_exp.page.judged import Evaluated, Figure
from gpt_exp.page.numbers import rounded

USUAL = (1.0, 100.0)  # Where figures end that are shares or percents.


class Whisker(NamedTuple):
    """Places on a scale, in percent of its width."""

    at: float
    low: float
    high: float


class Row(NamedTuple):
    """A figure of a split as the macro `intervals` shows it."""

    name: str
    split: str
    value: str
    interval: str
    is_main: bool
    remark: str
    whisker: Whisker | None
    scale: tuple[str, str]  # Its ends.


def rows(splits: Sequence[Evaluated]) -> list[Row]:
    """All figures, main ones first, those of one name together and on one scale."""
    every = [figure._replace(split=split.title) for split in splits for figure in split.figures]
    names = dict.fromkeys(figure.name for figure in sorted(every, key=lambda each: each.better is None))
    return [row for name in names for row in _of_name([each for each in every if each.name == name])]


def headline(splits: Sequence[Evaluated]) -> list[tuple[str, str, str]]:
    """(value, what it is, its interval) of each split's main figure, for the macro `facts`."""
    mains = [figure._replace(split=split.title) for split in splits for figure in split.figures[:1]]
    return [(rounded(f.value), f"{f.name.replace('_', ' ')}, {f.split}", _told(f)) for f in mains]


def _told(figure: Figure) -> str:
    return f"95 %: {between(figure)}" if figure.interval else ""


def between(figure: Figure) -> str:
    """An interval in words; empty where it is not known."""
    return f"{rounded(figure.interval[0])} to {rounded(figure.interval[1])}" if figure.interval else ""


def _of_name(figures: Sequence[Figure]) -> list[Row]:
    ends = scale(value for figure in figures for value in (figure.value, *(figure.interval or ())))
    return [
        Row(
            figure.name.replace("_", " "),
            figure.split,
            rounded(figure.value),
            between(figure),
            figure.better is not None,
            f"{figure.better} is better" if figure.better else "",
            _whisker(figure, ends),
            (rounded(ends[0]), rounded(ends[1])),
        )
        for figure in figures
    ]


def scale(values: Iterable[float]) -> tuple[float, float]:
    """From 0, or the lowest value below it, to 1, 100 or the highest value."""
    finite = [value for value in values if math.isfinite(value)]
    highest = max(finite, default=1.0)
    return min([0.0, *finite]), next((end for end in USUAL if highest <= end), highest)


def _whisker(figure: Figure, ends: tuple[float, float]) -> Whisker | None:
    low, high = figure.interval or (figure.value, figure.value)
    if not all(map(math.isfinite, (figure.value, low, high))):
        return None
    return Whisker(*(100 * (value - ends[0]) / (ends[1] - ends[0]) for value in (figure.value, low, high)))
