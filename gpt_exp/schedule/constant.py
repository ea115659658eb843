"""Warm-up, then no change."""

from __future__ import annotations

from gpt_exp.schedule.warmup import number_of_steps, warmup


def constant(step: int, *, max_steps: int, warmup_steps: float) -> float:
    """The learning rate's factor is 1 after the warm-up.

    `step` counts optimizer steps from 0; `warmup_steps` below 1 is a fraction of `max_steps`.
    """
    return warmup(step, number_of_steps("warmup_steps", warmup_steps, max_steps))
