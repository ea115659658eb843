"""Many items done in batches of like length, under a progress bar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress

from gpt_exp.interfaces import Record

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_batches(
    items: Sequence[Item],
    run: Callable[[list[Item]], list[Result]],
    *,
    length: Callable[[Item], int],
    batch_size: int,
    title: str,
) -> list[Result]:
    """Results in the order of the items; the longest are done first: what needs too much memory shows."""
    order = sorted(range(len(items)), key=lambda i: length(items[i]), reverse=True)
    found: dict[int, Result] = {}
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task(title, total=len(order))
        for start in range(0, len(order), batch_size):
            numbers = order[start : start + batch_size]
            found.update(zip(numbers, run([items[i] for i in numbers]), strict=True))
            progress.advance(bar, len(numbers))
    return [found[i] for i in range(len(items))]


def length_of(record: Record) -> int:
    """By which records are alike: characters of its texts, items of its lists."""
    return sum(len(value) for value in record.values() if isinstance(value, str | list))
