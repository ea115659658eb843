"""Warm-up, a long plateau that training can be prolonged from, then a short decay."""

from __future__ import annotations

import math

from gpt_exp.schedule.warmup import number_of_steps, warmup


def warmup_stable_decay(
    step: int, *, max_steps: int, warmup_steps: float, decay_steps: float = 0.2, min_factor: float = 0.0
) -> float:
    """The learning rate's factor is 1, then falls as 1 - sqrt in the last `decay_steps` (arXiv:2405.18392).

    `step` counts optimizer steps from 0; numbers of steps below 1 are fractions of `max_steps`. Raises
    ValueError where warm-up and decay overlap.
    """
    num_warmup = number_of_steps("warmup_steps", warmup_steps, max_steps)
    num_decay = number_of_steps("decay_steps", decay_steps, max_steps)
    if num_warmup + num_decay > max_steps:
        raise ValueError(
            f"warmup_steps={num_warmup} and decay_steps={num_decay} exceed max_steps={max_steps}"
        )
    if step < num_warmup:
        return warmup(step, num_warmup)
    progress = min(1.0, max(0.0, step - (max_steps - num_decay)) / max(1, num_decay))
    return 1 - (1 - min_factor) * math.sqrt(progress)
