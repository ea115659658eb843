"""The name that a misspelt one was meant to be."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher


def nearest(word: str, names: Iterable[str]) -> str:
    """The likeliest of `names`, or "" when none is near.

    A dotted key is compared whole, then by its last part alone: `num_layer` finds `model.num_layers`.
    """
    names = sorted(set(names) - {word})
    return _closest(word, {name: name for name in names}) or _closest(
        word.rpartition(".")[2], {name: name.rpartition(".")[2] for name in reversed(names)}
    )


def meant(word: str, names: Iterable[str], before: str = "") -> str:
    """ ". Did you mean {before}{name}?" for the end of a refusal; "" where none is near."""
    near = nearest(word, names)
    return f". Did you mean {before}{near}?" if near else ""


def _closest(word: str, names: dict[str, str]) -> str:
    scored = [
        (distance(word.lower(), short.lower()), -_ratio(word, short), name) for name, short in names.items()
    ]
    allowed = 1 if len(word) < 5 else max(2, len(word) // 4)
    edits, _, name = min(scored, default=(allowed + 1, 0.0, ""))
    return name if edits <= allowed else ""


def _ratio(a: str, b: str) -> float:
    return SequenceMatcher(None, a, b).ratio()


def distance(a: str, b: str) -> int:
    """Letters to insert, delete, replace or swap with a neighbour (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, above, row = row, before, [i]
        for j, y in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, above[j - 2] + 1)
            row.append(cost)
    return row[-1]
