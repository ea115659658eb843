"""Numbers as people read them; units stand behind a space."""

from __future__ import annotations

import math
from datetime import UTC, datetime

THOUSANDS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
BYTES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "bytes"))
TIMES = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def count(number: float) -> str:
    """123, 12.3 k, 1.23 M, 1.56 B"""
    return _with_unit(number, THOUSANDS)


def several(number: int, noun: str) -> str:
    """1 job, 3 jobs"""
    return f"{number} {noun}{'s' * (number != 1)}"


def size(num_bytes: float) -> str:
    """517 bytes, 5 MB, 1.5 GB, as memory is sold."""
    return _with_unit(num_bytes, BYTES)


def rounded(number: float) -> str:
    """Four significant digits without a tail of zeros, integers whole: 2.713, 0.02, 15,384, 1.23e-05."""
    if not math.isfinite(number):
        return str(number)
    if abs(number) >= 1e7:
        return count(number)
    return f"{number:,.0f}" if abs(number) >= 1000 or number == int(number) else f"{number:.4g}"


def duration(seconds: float) -> str:
    """0.4 s, 42 s, 2 min 5 s, 3 h 7 min, 2 d 4 h"""
    if not math.isfinite(seconds):
        return str(seconds)
    if seconds < 9.95:
        return f"{seconds:.2g} s"
    finest = next(unit for limit, unit in ((3_600, 1), (86_400, 60), (math.inf, 3_600)) if seconds < limit)
    left, parts = round(seconds / finest) * finest, []
    for unit, name in TIMES:
        if left >= unit:
            parts.append(f"{left // unit} {name}")
            left %= unit
    return " ".join(parts)


def ago(time: str, now: datetime | None = None) -> str:
    """How long before now (UTC) an ISO time was: just now, 40 s ago, 5 min ago, 2 d ago."""
    seconds = ((now or datetime.now(UTC)) - datetime.fromisoformat(time)).total_seconds()
    for unit, name in TIMES:
        if seconds >= max(unit, 5):
            return f"{seconds // unit:.0f} {name} ago"
    return "just now"


def _with_unit(number: float, units: tuple[tuple[float, str], ...]) -> str:
    for unit, name in units:
        if abs(number) >= 0.9995 * unit:  # 999,999 is 1 M, not 1e+03 k.
            return f"{number / unit:.3g} {name}"
    return f"{number:.3g}"
