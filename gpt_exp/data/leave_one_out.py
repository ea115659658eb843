"""The usual split of histories for recommendation: the last item tests, the one before it validates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from gpt_exp.data.record_source import Parts

MIN_ITEMS = 3  # To train on one, validate on one and test on one.


def leave_one_out(histories: Iterable[tuple[str, Sequence[Any]]]) -> Parts:
    """Records {user, items} in "train", with the item to find as `target` in "val" and "test".

    Kang and McAuley 2018, arXiv:1808.09781, section IV. Histories of fewer than three items only train.
    """
    parts: Parts = {"train": [], "val": [], "test": []}
    for user, items in histories:
        known = list(items)
        if len(known) >= MIN_ITEMS:
            parts["test"].append({"user": user, "items": known[:-1], "target": known[-1]})
            parts["val"].append({"user": user, "items": known[:-2], "target": known[-2]})
            known = known[:-2]
        parts["train"].append({"user": user, "items": known})
    return parts
