"""Warm-up, then a straight line."""

from __future__ import annotations

from gpt_exp.schedule.warmup import number_of_steps, warmup


def linear(step: int, *, max_steps: int, warmup_steps: float, min_factor: float = 0.0) -> float:
    """The learning rate's factor falls from 1 to `min_factor` at `max_steps` and stays.

    `step` counts optimizer steps from 0; `warmup_steps` below 1 is a fraction of `max_steps`.
    """
    num_warmup = number_of_steps("warmup_steps", warmup_steps, max_steps)
    if step < num_warmup:
        return warmup(step, num_warmup)
    progress = min(1.0, (step - num_warmup) / max(1, max_steps - num_warmup))
    return 1 - (1 - min_factor) * progress
