"""One task of several by itself, on as many of its examples as it has beside the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gpt_exp.interfaces import AdaptiveMixture, Mixture

MOST_STEPS = 1000  # Whose shares are looked at.


def twin_batch_size(
    mixture: Mixture, names: Sequence[str], only: str, *, batch_size: int, num_steps: int, divisor: int
) -> int:
    """How many examples a step of the task alone has: what it has of the mixture's steps on average.

    A multiple of `divisor`, and at least that. Raises ValueError where validation decides the shares.
    """
    if isinstance(mixture, AdaptiveMixture):
        raise ValueError(f"only={only}: an adaptive mixture has no shares before it was trained with")
    steps = np.unique(np.linspace(0, num_steps - 1, min(num_steps, MOST_STEPS)).astype(int))
    share = np.mean([mixture.shares(int(step))[list(names).index(only)] for step in steps])
    return divisor * max(1, round(share * batch_size / divisor))
