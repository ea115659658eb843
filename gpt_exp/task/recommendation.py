"""Recommendation: a user's items are a sentence, and the next one is asked for (hit rate, NDCG)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gpt_exp.decoding.context import device_of, evaluating
from gpt_exp.interfaces import (
    Batch,
    Decoding,
    Example,
    Loss,
    Model,
    Prediction,
    Record,
    Tokenizer,
)
from gpt_exp.task.collate import collate, num_targets
from gpt_exp.task.head.classification import last_states
from gpt_exp.task.head.item import ItemHead
from gpt_exp.task.metric.ranking import Ranking
from gpt_exp.task.settings import check_label_smoothing
from gpt_exp.task.target_loss import at_targets

HEAD = "item"
NUM_SHOWN = 10  # Of a history's items, the newest, to a reader of predictions.


class Recommendation:
    """Each item after those before it, over all items at once; items are tokens (tokenizer=items).

    Kang and McAuley 2018 (SASRec, arXiv:1808.09781), with the cross-entropy over the whole catalogue in place
    of sampled negatives. A record holds `items`, oldest first; with a `target` that one alone is learnt, else
    all but the first, if there are others. Of a long history the newest items count. A prediction is the
    `num_ranked` best items of those in the training data, without what the user had (`exclude_seen`).
    `head=item` scores with weights of its own instead of the language model's.
    """

    name = "recommendation"
    text_fields = ("items",)  # All that the tokenizer learns from: who the user is names no item.

    def __init__(
        self,
        *,
        k: int = 10,
        num_ranked: int = 50,
        exclude_seen: bool = True,
        label_smoothing: float = 0.0,
        head: str | None = None,
    ) -> None:
        if not 1 <= k <= num_ranked:
            raise ValueError(f"task.k={k} must be from 1 to task.num_ranked={num_ranked}")
        check_label_smoothing(label_smoothing)
        if head not in (None, HEAD):
            raise ValueError(f"task.head={head!r} must be null, the language model's own, or {HEAD}")
        self.k, self.num_ranked, self.exclude_seen = k, num_ranked, exclude_seen
        self.label_smoothing = label_smoothing
        self.heads: Mapping[str, Callable[[Any], nn.Module]] = {HEAD: ItemHead} if head else {}

    def items(self, record: Record) -> list[str]:
        return items_of(record)

    def metric(self) -> Ranking:
        return Ranking(k=self.k)

    def example(self, record: Record, tokenizer: Tokenizer, *, context_length: int) -> Example:
        """The newest `context_length` items after an end of text; ValueError for what is no list of items."""
        target = [record["target"]] if "target" in record else []
        items = encoded([*items_of(record), *target], tokenizer)[-context_length:]
        tokens = np.array([tokenizer.end_of_text, *items])
        # A single item is learnt after nothing: a batch of such histories must not be without targets.
        first = len(items) - 1 if target else min(1, len(items) - 1)
        return Example(tokens, is_target=np.arange(len(items)) >= first)

    def num_targets(self, example: Example) -> int:
        return num_targets(example)

    def collate(self, examples: Sequence[Example]) -> Batch:
        return collate(examples)

    def loss(self, model: Model, batch: Batch) -> Loss:
        """Cross-entropy over the vocabulary."""
        hidden, targets = at_targets(model, batch)
        smoothing = self.label_smoothing if model.training else 0.0
        if not self.heads:
            return model.loss(hidden[None], targets[None], label_smoothing=smoothing)
        logits = model.heads[HEAD](hidden).float()
        total = F.cross_entropy(logits, targets, reduction="sum", label_smoothing=smoothing)
        return Loss(total, torch.tensor(len(targets), device=targets.device))

    def predict(
        self,
        model: Model,
        records: Sequence[Record],
        tokenizer: Tokenizer,
        decoding: Decoding,
        *,
        shots: Sequence[Record] = (),
    ) -> list[Prediction]:
        """The best items for each record, best first. ValueError for shots: a history is read alone."""
        if shots:
            raise ValueError("shots: a history is read alone; leave it at 0")
        histories = [encoded(items_of(record), tokenizer) for record in records]
        scores = self._scores(model, histories, tokenizer)
        best = scores.topk(min(self.num_ranked, scores.size(1)))
        return [
            Prediction(ranked(row, found, tokenizer), record.get("target"), shown(record))
            for row, found, record in zip(*map(Tensor.tolist, best), records, strict=True)
        ]

    @torch.no_grad()
    def _scores(self, model: Model, histories: Sequence[Sequence[int]], tokenizer: Tokenizer) -> Tensor:
        """Of each token after each history, `(histories, vocab)`; -inf for those that are not to be told."""
        room = model.shape.context_length - 1
        rows = [[tokenizer.end_of_text, *history[max(0, len(history) - room) :]] for history in histories]
        longest, device = max(map(len, rows)), device_of(model)
        padded = torch.tensor([row + [0] * (longest - len(row)) for row in rows], device=device)
        lengths = torch.tensor([len(row) for row in rows], device=device)
        with evaluating(model):
            hidden = last_states(model(padded), lengths)
            scores = model.heads[HEAD](hidden) if self.heads else model.logits(hidden[:, None])[:, 0]
        scores = scores.float()[:, : tokenizer.vocab_size]
        scores[:, special_tokens(tokenizer)] = -math.inf
        if self.exclude_seen:
            for row, history in zip(scores, histories, strict=True):
                row[list(history)] = -math.inf
        return scores


def items_of(record: Record) -> list[str]:
    """A record's items; ValueError where there is no list of them."""
    items = record.get("items")
    if not isinstance(items, list | tuple) or not items:
        raise ValueError(f"a record's field 'items' must be a list of at least one item, not {items!r}")
    return list(items)


def encoded(items: Sequence[str], tokenizer: Tokenizer) -> list[int]:
    """A token an item; ValueError where the tokenizer makes more of one, or nothing."""
    if whole := getattr(tokenizer, "items", None):
        return [whole.get(item, tokenizer.unknown_item) for item in items]  # type: ignore[attr-defined]
    tokens = tokenizer.encode(" ".join(items))
    if len(tokens) != len(items):
        example = next((item for item in items if len(tokenizer.encode(item)) != 1), items[0])
        raise ValueError(
            f"item {example!r} is not one token: take tokenizer=items, and items without spaces in them"
        )
    return tokens


def special_tokens(tokenizer: Tokenizer) -> list[int]:
    """Tokens that are no item: the end of text, what stands for unknown items, pieces of text."""
    if whole := getattr(tokenizer, "items", None):
        return sorted(set(range(tokenizer.vocab_size)) - set(whole.values()))
    unknown = getattr(tokenizer, "unknown", None)
    return [tokenizer.end_of_text, *([] if unknown is None else [unknown])]


def ranked(scores: Sequence[float], tokens: Sequence[int], tokenizer: Tokenizer) -> list[str]:
    """Items by their names; what is not to be told is left out."""
    told = [token for token, score in zip(tokens, scores, strict=True) if score > -math.inf]
    if whole := getattr(tokenizer, "items", None):
        names = {token: item for item, token in whole.items()}
        return [names[token] for token in told]
    return tokenizer.decode(told).split()


def shown(record: Record) -> str:
    """The newest items, for a reader."""
    newest = record["items"][-NUM_SHOWN:]
    return " ".join(["..."] * (len(newest) < len(record["items"])) + list(newest))
