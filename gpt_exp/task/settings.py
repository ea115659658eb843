"""The ranges of settings that several tasks have."""

from __future__ import annotations


def check_label_smoothing(label_smoothing: float) -> None:
    """ValueError for one out of range."""
    if not 0 <= label_smoothing < 1:
        raise ValueError(f"task.label_smoothing={label_smoothing} is outside [0, 1)")


def check_max_new_tokens(max_new_tokens: int) -> None:
    """ValueError for fewer than one."""
    if max_new_tokens < 1:
        raise ValueError(f"task.max_new_tokens={max_new_tokens} must be at least 1")
