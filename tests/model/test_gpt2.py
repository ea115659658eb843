import pytest
import torch

from gpt_exp.model.gpt2 import GPT2

SIZES = {"vocab_size": 31, "context_length": 8, "num_layers": 2, "num_heads": 2, "embedding_dim": 16}


def test_no_more_tokens_than_positions():
    model = GPT2(**SIZES)
    with pytest.raises(ValueError, match=r"9 tokens.*context_length=8"):
        model(torch.zeros(1, 9, dtype=torch.long))
    cache = model.new_cache(1, max_length=20)
    model(torch.zeros(1, 8, dtype=torch.long), cache=cache)
    with pytest.raises(ValueError, match=r"9 tokens.*context_length=8"):
        model(torch.zeros(1, 1, dtype=torch.long), cache=cache)


def test_one_table_is_learned_from_both_ends():
    model = GPT2(**SIZES)
    assert not any("head" in name for name, _ in model.named_parameters())
    tokens = torch.tensor([[1, 2, 3]])
    model.loss(model(tokens), torch.tensor([[4, 5, 6]])).total.backward()
    assert model.token_embedding.weight.grad[1:7].abs().sum(1).min() > 0.01  # Read, and predicted.


def test_without_biases_none_is_left():
    assert not any("bias" in name for name, _ in GPT2(**SIZES, bias=False).named_parameters())
