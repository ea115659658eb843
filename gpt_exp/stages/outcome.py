"""What a verb that was a stage has to tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Outcome(NamedTuple):
    """Figures for results.json, and which of them is told first."""

    figures: Mapping[str, Any]
    metric: str  # A path into the figures, such as test/bleu.
    mode: str = "max"  # min or max: what is better.
