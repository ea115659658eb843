import math

import pytest
import torch

from gpt_exp.interfaces import Loss
from gpt_exp.task.token_loss import TokenLoss


def test_batches_count_by_their_targets():
    metric = TokenLoss()
    metric.update(Loss(torch.tensor(30.0), torch.tensor(10)))
    metric.update(Loss(torch.tensor(2.0), torch.tensor(30)))
    assert metric.compute()["loss"] == pytest.approx(0.8)
    assert metric.compute()["perplexity"] == pytest.approx(math.exp(0.8))


def test_bits_per_byte_of_a_uniform_guess_over_bytes_is_eight():
    metric = TokenLoss(bytes_per_target=1.0)
    metric.update(Loss(torch.tensor(100 * math.log(256)), torch.tensor(100)))
    assert metric.compute()["bits_per_byte"] == pytest.approx(8)
