"""Records as bytes: equal records, equal bytes, whatever the order of their fields."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from gpt_exp.interfaces import Record

REPEATABLE = (bytes, date, time, timedelta, Decimal)  # Columns may hold them; their repr says it all.


def canonical(value: Any) -> bytes:
    """JSON with sorted keys; numpy's arrays by shape, type and content. ValueError for other objects."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=_plain).encode()


def fingerprint(parts: Mapping[str, Iterable[Record]]) -> str:
    """sha256 over all records of all splits, in their order."""
    digest = hashlib.sha256()
    for name, records in sorted(parts.items()):
        digest.update(canonical(name) + b"\n")
        for record in records:
            digest.update(canonical(record) + b"\n")
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return {
            "shape": value.shape,
            "dtype": value.dtype.str,
            "sha256": hashlib.sha256(value.tobytes()).hexdigest(),
        }
    if isinstance(value, REPEATABLE):
        return repr(value)
    raise ValueError(
        f"a record holds {type(value).__name__}, which is no JSON: "
        "leave its column out, data.fields.COLUMN=null"
    )
