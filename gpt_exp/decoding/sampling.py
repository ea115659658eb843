"""Tokens drawn from the model's distribution, narrowed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat

import torch
from torch import Tensor

from gpt_exp.decoding import filters
from gpt_exp.decoding.context import device_of
from gpt_exp.decoding.rules import Repetition
from gpt_exp.decoding.stream import collect, stream
from gpt_exp.interfaces import Model, Prompts, Rules


class Sampling:
    """A `Decoding` and `Streaming`; ValueError for a setting out of its range.

    Temperature 0 takes the best token. Each sequence draws from its own seed, so the others of its batch
    do not matter, and the global random state is left alone.
    """

    def __init__(
        self,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        min_p: float | None = None,
        repetition_penalty: float = 1.0,
        no_repeat_ngram_size: int | None = None,
        use_cache: bool = True,
    ) -> None:
        self.temperature, self.top_k, self.top_p, self.min_p = temperature, top_k, top_p, min_p
        self.repetition = Repetition.checked(repetition_penalty, no_repeat_ngram_size)
        self.use_cache = use_cache
        self.draws = temperature > 0
        self._narrow(torch.zeros(1, 2))  # Tells what is out of range before anything is decoded.

    def __call__(
        self, model: Model, prompts: Prompts, rules: Rules, *, seeds: Sequence[int] | None = None
    ) -> list[list[int]]:
        """Each prompt's new tokens, drawn by its seed."""
        return collect(self.stream(model, prompts, rules, seeds=seeds), len(prompts))

    def stream(
        self, model: Model, prompts: Prompts, rules: Rules, *, seeds: Sequence[int] | None = None
    ) -> Iterator[list[int | None]]:
        """The next token of each sequence, None for one that has ended."""
        if seeds is not None and len(seeds) != len(prompts):
            raise ValueError(f"{len(seeds)} seeds for {len(prompts)} prompts: give one each")
        device = device_of(model)
        generators = [_generator(device, seed) for seed in seeds or repeat(None, len(prompts))]

        def draw(logits: Tensor, rows: list[int]) -> Tensor:
            probabilities = self._narrow(logits).softmax(-1)
            drawn = [
                torch.multinomial(own, 1, generator=generators[row])
                for own, row in zip(probabilities, rows, strict=True)
            ]
            return torch.cat(drawn)

        return stream(
            model,
            prompts,
            rules,
            draw,
            repetition=self.repetition,
            use_cache=self.use_cache,
        )

    def _narrow(self, logits: Tensor) -> Tensor:
        return filters.narrow(
            logits, temperature=self.temperature, top_k=self.top_k, top_p=self.top_p, min_p=self.min_p
        )


def _generator(device: torch.device, seed: int | None) -> torch.Generator:
    generator = torch.Generator(device)
    if seed is None:
        generator.seed()
    else:
        generator.manual_seed(seed)
    return generator
