"""How the splits of data are called, as far as their config tells. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

HELD_OUT = ("val", "test")  # What data of one split has besides: by the hash of each record.


def split_names(data: Any) -> tuple[str, ...] | None:
    """Of a resolved node of records; None where they will only tell when they are read."""
    if not isinstance(data, Mapping) or not str(data.get("_target_")).startswith("gpt_exp.data."):
        return None  # Only of ours it is known what their keys mean.
    if isinstance(sources := data.get("sources"), Mapping) and sources:
        return split_names(next(iter(sources.values())))  # data=together.
    if "records" in data:  # data=part.
        return split_names(data["records"])
    if isinstance(named := data.get("splits"), Mapping) and named:
        own = tuple(map(str, named))
    elif "train" in data:  # Files by split.
        own = tuple(name for name in ("train", *HELD_OUT) if data.get(name) is not None)
    else:
        return None
    held_out = HELD_OUT if own == ("train",) else HELD_OUT[:1]
    return tuple(dict.fromkeys((*own, *held_out)))
