"""JSON that anything may have written, a crash and another machine among them, made safe where it is read."""

from __future__ import annotations

import json
from typing import Any

LONGEST = 300  # Digits: an integer that is longer would be no float, as which everything counts and draws.


def loads(text: bytes) -> Any:
    """What JSON says; halves of surrogate pairs, which no page can hold, are "�". Raises ValueError."""
    found = _DECODER.decode(text.decode())
    return _clean(found) if b"\\u" in text else found


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < LONGEST else float(digits)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="surrogatepass").decode(errors="replace")
    if isinstance(value, dict):
        return {_clean(key): _clean(inner) for key, inner in value.items()}
    return [_clean(inner) for inner in value] if isinstance(value, list) else value


_DECODER = json.JSONDecoder(parse_int=_integer)
