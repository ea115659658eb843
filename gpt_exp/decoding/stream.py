"""Sequences that grow a token at a time, in one batch, until each has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor

from gpt_exp.decoding.context import Context, evaluating
from gpt_exp.decoding.rules import Repetition, has_ended, mask, penalize
from gpt_exp.interfaces import Model, Prompts, Rules

Choose = Callable[[Tensor, list[int]], Tensor]  # Logits (rows, vocab) and the rows' numbers to (rows,).


@torch.no_grad()  # Not inference_mode: what the model keeps meanwhile may serve training afterwards.
def stream(
    model: Model,
    prompts: Prompts,
    rules: Rules,
    choose: Choose,
    *,
    repetition: Repetition,
    use_cache: bool,
) -> Iterator[list[int | None]]:
    """The next token of each sequence, None for one that has ended, until all have.

    A sequence that has ended leaves the batch, so the others do not pay for it.
    """
    if not prompts or has_ended([], rules):
        return
    new: list[list[int]] = [[] for _ in prompts]
    growing = list(range(len(prompts)))
    context = Context(model, prompts, max_new_tokens=rules.max_new_tokens, use_cache=use_cache)
    with evaluating(model):
        while growing:
            logits = penalize(context.logits(), context.rows, repetition.penalty)
            logits = mask(logits, [new[i] for i in growing], rules, repetition.ngram_size)
            chosen = dict(zip(growing, choose(logits, growing).tolist(), strict=True))
            chosen = {i: token for i, token in chosen.items() if token not in rules.stop_tokens}
            for i, token in chosen.items():
                new[i].append(token)
            if chosen:
                yield [chosen.get(i) for i in range(len(prompts))]
            places = [(i, place) for place, i in enumerate(growing) if i in chosen]
            places = [(i, place) for i, place in places if not has_ended(new[i], rules)]
            growing = [i for i, _ in places]
            if growing:
                context.append([chosen[i] for i in growing], [place for _, place in places])


def collect(steps: Iterable[list[int | None]], num_rows: int) -> list[list[int]]:
    """All tokens of each sequence."""
    rows: list[list[int]] = [[] for _ in range(num_rows)]
    for step in steps:
        for row, token in zip(rows, step, strict=True):
            if token is not None:
                row.append(token)
    return rows
