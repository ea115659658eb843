"""The best so many continuations of a prompt, where one of each prompt is asked for."""

from __future__ import annotations

from collections.abc import Sequence

from gpt_exp.interfaces import Model, Prompts, Rules, Searching


class NBest:
    """A `Decoding` that gives equal prompts different continuations: the first one the best, and so on.

    Where a search finds fewer, the others get none.
    """

    draws = False

    def __init__(self, search: Searching) -> None:
        self.search = search

    def __call__(
        self, model: Model, prompts: Prompts, rules: Rules, *, seeds: Sequence[int] | None = None
    ) -> list[list[int]]:
        """A continuation of each prompt."""
        rows: dict[tuple[int, ...], list[int]] = {}
        for row, prompt in enumerate(prompts):
            rows.setdefault(tuple(prompt), []).append(row)
        num_best = max(map(len, rows.values()), default=1)
        found = self.search.search(model, list(rows), rules, num_best=num_best)
        new: list[list[int]] = [[] for _ in prompts]
        for numbers, hypotheses in zip(rows.values(), found, strict=True):
            for row, hypothesis in zip(numbers, hypotheses, strict=False):
                new[row] = hypothesis.tokens
        return new
