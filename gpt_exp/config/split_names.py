"""How the splits of data are called, as far as their config tells. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gpt_exp.config.data_nodes import made_of

HELD_OUT = ("val", "test")  # What data of one split has besides: by the hash of each record.


def split_names(data: Any) -> tuple[str, ...] | None:
    """Of a resolved node of records; None where they will only tell when they are read."""
    if not isinstance(data, Mapping) or not str(data.get("_target_")).startswith("gpt_exp.data."):
        return None  # Only of ours it is known what their keys mean.
    if inner := made_of(data):
        return split_names(next(iter(inner.values())))  # Of several the first one's.
    if isinstance(named := data.get("splits"), Mapping) and named:
        own = tuple(map(str, named))
    elif "train" in data:  # Files by split.
        own = tuple(name for name in ("train", *HELD_OUT) if data.get(name) is not None)
    else:
        return None
    held_out = HELD_OUT if own == ("train",) else HELD_OUT[:1]
    return tuple(dict.fromkeys((*own, *held_out)))
