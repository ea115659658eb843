"""A fixed set of answers: decoding that gives nothing else, and how probable each is (verbalisers)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import torch
from torch import Tensor

from gpt_exp.decoding.context import Context, evaluating
from gpt_exp.interfaces import Model, Prompts


class Labels:
    """`Rules.allowed` for label token sequences: a trie of them.

    `end`, a stop token, follows every whole label. Without it a sequence ends with its label, so ValueError
    if one label begins another; also for no labels, or an empty one.
    """

    def __init__(self, labels: Sequence[Sequence[int]], *, end: int | None = None) -> None:
        if not labels or not all(labels):
            raise ValueError("labels are token sequences of one token at least")
        self.root: dict[int, Any] = {}
        for label in labels:
            node = self.root
            for token in label if end is None else [*label, end]:
                node = node.setdefault(token, {})
        for label in labels:
            if end is None and self._node(label):
                raise ValueError(f"label {list(label)} begins another: give the token that ends a label")

    def __call__(self, new: Sequence[int]) -> Collection[int]:
        """The tokens that may come next; none after a whole label, or what begins none."""
        return self._node(new).keys()

    def _node(self, tokens: Sequence[int]) -> dict[int, Any]:
        node = self.root
        for token in tokens:
            node = node.get(token, {})
        return node


@torch.no_grad()
def score_labels(
    model: Model, prompts: Prompts, labels: Sequence[Sequence[int]], *, end: int | None = None
) -> Tensor:
    """Log-probability of each label after each prompt, `(prompts, labels)`, in nats: the sum over its tokens.

    With `end`, of that token too. A prompt is read once, whatever the number of labels. ValueError for no
    labels, or an empty one.
    """
    if not labels or not all(labels):
        raise ValueError("labels are token sequences of one token at least")
    whole = [[*label, *([] if end is None else [end])] for label in labels]
    length = max(map(len, whole))
    # Labels that are done go on with any token, which counts nothing.
    tokens = torch.tensor([label + [0] * (length - len(label)) for label in whole])
    counts = torch.tensor([[i < len(label) for i in range(length)] for label in whole])
    if not prompts:
        return torch.empty(0, len(labels))
    context = Context(model, prompts, max_new_tokens=length)
    tokens, counts = tokens.to(context.device), counts.to(context.device)
    parents = [row for row in range(len(prompts)) for _ in labels]
    with evaluating(model):
        first = context.logits().log_softmax(-1)
        total = first[:, tokens[:, 0]]
        for i in range(1, length):
            before = tokens[:, i - 1].repeat(len(prompts)).tolist()
            context.append(before, parents if i == 1 else None)
            found = context.logits().log_softmax(-1).view(len(prompts), len(labels), -1)
            own = found.gather(2, tokens[:, i].expand(len(prompts), -1)[..., None])[..., 0]
            total = total + own * counts[:, i]
    return total
