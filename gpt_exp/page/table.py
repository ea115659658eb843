"""What the macro `table` shows: rows of cells that sort as numbers where they are numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from gpt_exp.page import numbers


class Cell(NamedTuple):
    """A text; `value` is what it is sorted by, and where that is a number, it stands to the right."""

    text: str
    value: float | str | None = None
    link: str | None = None
    remark: str | None = None  # Small, behind the text.
    state: bool = False  # The text is a state, shown as a coloured pill.
    share: float | None = None  # 0 to 1: a bar of progress under the text.
    best: bool = False


class Row(NamedTuple):
    """A table's row; `key` tells it from the others, also when the page is refreshed."""

    key: str
    cells: Sequence[Cell]


def number(
    value: float | None, form: Callable[[float], str] = numbers.rounded, *, best: bool = False
) -> Cell:
    """A cell with a number; empty, and last in any order, where there is none."""
    return Cell("") if value is None else Cell(form(value), value, best=best)
