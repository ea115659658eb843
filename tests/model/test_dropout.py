import pytest
import torch
import torch.nn.functional as F

from gpt_exp.model.attention import attend_with_dropout
from gpt_exp.model.dropout import Dropout, keep_mask, keep_scale


@pytest.mark.parametrize("p", [0.1, 0.2, 0.5])
def test_the_wanted_share_is_dropped_and_the_mean_kept(p):
    torch.manual_seed(0)
    dropped = Dropout(p)(torch.ones(1000, 1000))
    assert (dropped == 0).float().mean() == pytest.approx(p, abs=0.003)
    assert dropped.mean() == pytest.approx(1, abs=0.003)


def test_values_are_dropped_independently():
    torch.manual_seed(0)
    mask = keep_mask((8000, 64), 0.5, torch.float32) - 0.5
    correlation = (mask.T @ mask) / (0.25 * len(mask))
    assert (correlation - torch.eye(64)).abs().max() < 0.06


def test_the_gradient_is_masked_as_the_value_is():
    x = torch.ones(64, 64, requires_grad=True)
    y = Dropout(0.3)(x)
    y.sum().backward()
    assert torch.equal(x.grad, y)


def test_evaluation_changes_nothing():
    x = torch.randn(4, 4)
    assert torch.equal(Dropout(0.9).eval()(x), x)


@pytest.mark.parametrize("key_heads", [4, 2])
@pytest.mark.parametrize("time", [5, 200])
def test_attention_written_out_has_the_fused_kernels_mean(key_heads, time):
    """At a dropout that keeps all but one value in 256 it is the fused kernel's, masked or causal."""
    torch.manual_seed(0)
    query = torch.randn(2, 4, time, 8)
    key, value = torch.randn(2, 2, key_heads, time, 8)
    causal = F.scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True)
    draws = [attend_with_dropout(query, key, value, mask=None, dropout=0.004) for _ in range(200)]
    torch.testing.assert_close(torch.stack(draws).mean(0), causal, atol=0.05, rtol=0.05)


def test_attention_sees_only_what_its_mask_shows():
    query, key, value = torch.randn(3, 1, 1, 6, 8)
    mask = torch.eye(6, dtype=torch.bool)[None, None]
    mixed = attend_with_dropout(query, key, value, mask=mask, dropout=0.5)
    torch.testing.assert_close(mixed, torch.where(mixed != 0, value * keep_scale(0.5), 0.0))
