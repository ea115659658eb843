from itertools import combinations, product
from statistics import mean

import numpy as np
import pytest

from gpt_exp.interfaces import Prediction
from gpt_exp.task.metric.pass_at_k import PassAtK


@pytest.mark.parametrize("attempts", list(product([False, True], repeat=4)))
def test_it_is_the_share_of_draws_of_k_attempts_that_hold_one_that_passed(attempts):
    metric = PassAtK(ks=(1, 2, 4))
    found = metric.values(metric.statistics(Prediction(list(attempts), None)))
    expected = {f"pass@{k}": mean(any(drawn) for drawn in combinations(attempts, k)) for k in (1, 2, 4)}
    assert found == pytest.approx(expected)


def test_many_attempts_are_the_papers_product():
    n, c, k = 200, 13, 100  # The product of section 2.1's code, which avoids large binomials.
    metric = PassAtK(ks=(k,))
    found = metric.values(metric.statistics(Prediction([True] * c + [False] * (n - c), None)))
    assert found[metric.main] == pytest.approx(1 - np.prod(1.0 - k / np.arange(n - c + 1, n + 1)), rel=1e-12)


def test_fewer_attempts_than_k_are_told():
    with pytest.raises(ValueError, match=r"pass@5 needs as many attempts at each problem, not 3"):
        PassAtK(ks=(1, 5)).statistics(Prediction([True, False, True], None))


@pytest.mark.parametrize("ks", [(), (0, 1), (1, 1)])
def test_ks_are_distinct_numbers_from_1(ks):
    with pytest.raises(ValueError, match="distinct numbers from 1"):
        PassAtK(ks=ks)
