"""Small models of both families, with a task's head."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from gpt_exp.model.gpt2 import GPT2
from gpt_exp.model.llama import Llama

SIZES = {"vocab_size": 16, "context_length": 12, "num_layers": 3, "num_heads": 2, "embedding_dim": 8}


@pytest.fixture(params=[GPT2, Llama], ids=["gpt2", "llama"])
def family(request) -> Callable[..., nn.Module]:
    return request.param


@pytest.fixture
def model(family) -> nn.Module:
    torch.manual_seed(0)
    model = family(**SIZES)
    model.heads = nn.ModuleDict({"label": nn.Linear(8, 3)})
    return model


@pytest.fixture
def text() -> torch.Tensor:
    """Tokens `(batch, time + 1)`."""
    return torch.randint(16, (4, 9), generator=torch.Generator().manual_seed(1))
