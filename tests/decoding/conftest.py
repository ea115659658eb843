"""A language model that is all contract: a next token depends on all tokens seen, and on their places."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import GPT2Config, GPT2LMHeadModel

from gpt_exp.model.gpt2 import GPT2
from gpt_exp.model.llama import Llama
from gpt_exp.model.translation.gpt2 import to_config, to_tensors


class TinyModel(nn.Module):
    """Running sums of embeddings; a cache holds the sum so far. It ignores documents."""

    def __init__(self, *, vocab_size: int = 11, context_length: int = 12) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.shape = SimpleNamespace(context_length=context_length)
        self.embedding = nn.Embedding(vocab_size, 8)
        self.positions = nn.Embedding(context_length, 8)
        self.dropout = nn.Dropout(0.5)
        self.output = nn.Linear(8, vocab_size)
        self.num_read = 0

    def new_cache(self, batch_size: int, max_length: int) -> SimpleNamespace:
        return SimpleNamespace(length=0, max_length=max_length, total=torch.zeros(batch_size, 1, 8))

    def forward(self, tokens: Tensor, *, documents: Any = None, cache: Any = None) -> Tensor:
        time, start = tokens.size(1), cache.length if cache else 0
        self.num_read += tokens.numel()
        places = self.positions(torch.arange(start, start + time))
        total = (self.embedding(tokens) * places).cumsum(1)
        if cache:
            assert start + time <= cache.max_length
            total = total + cache.total
            cache.length, cache.total = start + time, total[:, -1:]
        return self.dropout(total)

    def logits(self, hidden: Tensor) -> Tensor:
        return self.output(hidden)


@pytest.fixture
def model() -> TinyModel:
    return TinyModel()


@pytest.fixture(params=[GPT2, Llama])
def real_model(request: pytest.FixtureRequest) -> Any:
    """Attention that really tells tokens apart, which a fresh model's hardly does."""
    return _spread(
        request.param(
            vocab_size=50, context_length=16, num_layers=2, num_heads=2, embedding_dim=16, dropout=0.1
        )
    )


@pytest.fixture
def counted() -> Any:
    """A GPT-2 that counts the tokens it reads with a cache, those of padding too."""

    class Counted(GPT2):
        num_read = 0

        def forward(self, tokens: Tensor, **others: Any) -> Tensor:
            self.num_read += tokens.numel() if others.get("cache") is not None else 0
            return super().forward(tokens, **others)

    return _spread(Counted(vocab_size=50, context_length=16, num_layers=2, num_heads=2, embedding_dim=16))


@pytest.fixture
def pair() -> tuple[GPT2, GPT2LMHeadModel]:
    """The same weights here and in transformers."""
    ours = _spread(GPT2(vocab_size=50, context_length=16, num_layers=2, num_heads=2, embedding_dim=16)).eval()
    theirs = GPT2LMHeadModel(GPT2Config(**to_config(ours), bos_token_id=None, eos_token_id=None))
    theirs.load_state_dict(to_tensors(ours), strict=False)
    theirs.generation_config.pad_token_id = 0
    return ours, theirs.eval()


def _spread(model: Any) -> Any:
    torch.manual_seed(0)
    model.reset_parameters()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model
