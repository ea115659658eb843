"""New tokens from a language model, one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from gpt_exp.decoding import filters
from gpt_exp.interfaces import LanguageModel


@torch.no_grad()  # Not inference_mode: what the model keeps meanwhile may serve training afterwards.
def sample(
    model: LanguageModel,
    prompt: Tensor,
    *,
    max_new_tokens: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    seed: int | None = None,
    stop_token: int | None = None,
    use_cache: bool = True,
) -> Iterator[Tensor]:
    """Continue a prompt `(batch, time)`: every item is the next token of each sequence, `(batch,)`.

    Temperature 0 takes the best token. Equal seeds give equal tokens; the global random state is left alone.
    A sequence that gave `stop_token` repeats it until all have. When the context is full, the model reads
    its last half again and goes on. Raises ValueError for a setting out of its range.
    """
    if prompt.ndim != 2 or prompt.size(1) == 0:
        raise ValueError(f"a prompt is (batch, time) with one token at least, not {tuple(prompt.shape)}")
    context = _Context(model, prompt, max_new_tokens=max_new_tokens, use_cache=use_cache)
    generator = _generator(prompt.device, seed)
    stopped = torch.zeros_like(prompt[:, 0], dtype=torch.bool)
    with _evaluating(model):
        for _ in range(max_new_tokens):
            logits = filters.narrow(
                context.logits(), top_k=top_k, top_p=top_p, min_p=min_p, temperature=temperature
            )
            tokens = _choose(logits, generator)
            if stop_token is not None:
                tokens = tokens.masked_fill(stopped, stop_token)
                stopped |= tokens == stop_token
            yield tokens
            if stop_token is not None and stopped.all():
                return
            context.append(tokens)


class _Context:
    """The tokens that the model sees, and which of them its key-value cache lacks."""

    def __init__(self, model: LanguageModel, prompt: Tensor, *, max_new_tokens: int, use_cache: bool) -> None:
        self.model = model
        self.limit = model.shape.context_length
        self.cache_length = min(self.limit, prompt.size(1) + max_new_tokens) if use_cache else None
        self._restart(prompt[:, -self.limit :])

    def _restart(self, tokens: Tensor) -> None:
        self.tokens = self.unread = tokens
        self.cache: Any = None
        if self.cache_length is not None:
            self.cache = self.model.new_cache(tokens.size(0), self.cache_length)

    def append(self, tokens: Tensor) -> None:
        self.unread = tokens[:, None]
        self.tokens = torch.cat([self.tokens, self.unread], dim=1)
        if self.tokens.size(1) > self.limit:
            self._restart(self.tokens[:, -max(1, self.limit // 2) :])

    def logits(self) -> Tensor:
        """Of the next token, `(batch, vocab)`, in fp32."""
        tokens = self.tokens if self.cache is None else self.unread
        hidden = self.model(tokens, cache=self.cache)
        return self.model.logits(hidden[:, -1:])[:, -1].float()


def _choose(logits: Tensor, generator: torch.Generator) -> Tensor:
    return torch.multinomial(logits.softmax(-1), 1, generator=generator)[:, 0]


def _generator(device: torch.device, seed: int | None) -> torch.Generator:
    generator = torch.Generator(device)
    if seed is None:
        generator.seed()
    else:
        generator.manual_seed(seed)
    return generator


@contextmanager
def _evaluating(model: Any) -> Iterator[None]:
    """No dropout meanwhile; each module's own mode afterwards."""
    assert isinstance(model, nn.Module)
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True
