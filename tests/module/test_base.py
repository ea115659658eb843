import random

import numpy as np
import torch

from gpt_exp.module.base import reseed


def draw():
    return random.random(), np.random.rand(), torch.rand(()).item()


def test_randomness_is_a_function_of_seed_step_micro_batch_and_rank():
    reseed(1, 2, 3, 4)
    first = draw()
    draw()
    reseed(1, 2, 3, 4)
    assert draw() == first


def test_any_other_seed_step_micro_batch_or_rank_draws_other_numbers():
    draws = set()
    for place in [(1, 2, 3, 4), (0, 2, 3, 4), (1, 0, 3, 4), (1, 2, 0, 4), (1, 2, 3, 0), (2, 1, 3, 4)]:
        reseed(*place)
        draws.update(draw())
    assert len(draws) == 18
