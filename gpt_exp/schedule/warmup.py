"""Linear warm-up, shared by all schedules."""

from __future__ import annotations


def warmup(step: int, num_steps: int) -> float:
    """(step + 1) / (num_steps + 1), at most 1, for optimizer steps from 0.

    It starts above zero, so that the first batch is not lost (nanoGPT, `get_lr`).
    """
    return min(1.0, (step + 1) / (num_steps + 1))


def number_of_steps(name: str, steps: float, max_steps: int) -> int:
    """A whole number of steps, or below 1 a fraction of `max_steps`.

    Raises ValueError for what is negative, not whole, or more than `max_steps`.
    """
    if max_steps < 1:
        raise ValueError(f"a schedule needs the number of steps and got max_steps={max_steps}")
    if 0 < steps < 1:
        return round(steps * max_steps)
    if steps != int(steps) or not 0 <= steps <= max_steps:
        raise ValueError(
            f"{name}={steps} is neither a fraction below 1 nor a number up to max_steps={max_steps}"
        )
    return int(steps)
