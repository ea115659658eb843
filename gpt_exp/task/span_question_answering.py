"""Extractive question answering: a head points at the answer in the context."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gpt_exp.decoding.context import device_of, evaluating
from gpt_exp.interfaces import (
    IGNORE_INDEX,
    Batch,
    Decoding,
    Example,
    Loss,
    Model,
    Prediction,
    Record,
    Tokenizer,
)
from gpt_exp.task.collate import collate, on_device
from gpt_exp.task.head.span import SpanHead
from gpt_exp.task.metric.question_answering import ExactMatchF1
from gpt_exp.task.prompt import value

HEAD = "span"
NOWHERE = (IGNORE_INDEX, IGNORE_INDEX)


class SpanQuestionAnswering:
    """The sequence is `end_of_text question line-break context`: the context's tokens know the question.

    The loss is the mean of the cross-entropies of the answer's first and last token. A context that does not
    fit is cut at its end, and a record whose answer is cut off is not learnt from.
    """

    name = "span_question_answering"

    def __init__(self, *, max_answer_tokens: int = 30) -> None:
        if max_answer_tokens < 1:
            raise ValueError(f"task.max_answer_tokens={max_answer_tokens} must be at least 1")
        self.max_answer_tokens = max_answer_tokens
        self.heads: Mapping[str, Callable[[Any], nn.Module]] = {HEAD: SpanHead}

    def metric(self) -> ExactMatchF1:
        return ExactMatchF1()

    def example(self, record: Record, tokenizer: Tokenizer, *, context_length: int) -> Example:
        """Tokens, where the context begins among them, and the answer's first and last token."""
        tokens, first = self._tokens(record, tokenizer, context_length)
        answer = self._span(record, tokenizer, tokens[first:])
        span = tuple(first + place for place in answer) if answer else NOWHERE
        extras = {"span": np.array(span), "context": np.array((first, len(tokens)))}
        padded = np.array([*tokens, IGNORE_INDEX])
        return Example(padded, is_target=np.zeros(len(tokens), bool), extras=extras)

    def collate(self, examples: Sequence[Example]) -> Batch:
        return collate(examples)

    def loss(self, model: Model, batch: Batch) -> Loss:
        """Summed over first and last tokens; what has no answer counts nothing."""
        assert batch.extras is not None
        spans = batch.extras["span"]
        total = F.cross_entropy(
            self._scores(model, batch).transpose(1, 2).flatten(0, 1), spans.flatten(), reduction="sum"
        )
        return Loss(total, (spans != IGNORE_INDEX).sum())

    def predict(
        self,
        model: Model,
        records: Sequence[Record],
        tokenizer: Tokenizer,
        decoding: Decoding,
        *,
        shots: Sequence[Record] = (),
    ) -> list[Prediction]:
        """The text of the best span. ValueError for shots: a head reads no examples."""
        if shots:
            raise ValueError("shots: a span head reads no examples; take task=question_answering")
        length = model.shape.context_length
        examples = [self.example(record, tokenizer, context_length=length) for record in records]
        batch = on_device(collate(examples), device_of(model))
        with evaluating(model), torch.no_grad():
            scores = self._scores(model, batch).log_softmax(1).cpu()
        spans = [best_span(own, self.max_answer_tokens) for own in scores]
        return [
            Prediction(
                tokenizer.decode(row[a : b + 1].tolist()).strip(), record["answers"], record["question"]
            )
            for row, (a, b), record in zip(batch.tokens, spans, records, strict=True)
        ]

    def _scores(self, model: Model, batch: Batch) -> Tensor:
        """Of each token to be the answer's first and last, `(batch, time, 2)`; -inf outside contexts."""
        assert batch.extras is not None
        scores = model.heads[HEAD](model(batch.tokens)).float()
        place = torch.arange(scores.shape[1], device=scores.device)[None]
        context = batch.extras["context"]
        outside = (place < context[:, :1]) | (place >= context[:, 1:])
        return scores.masked_fill(outside[..., None], -torch.inf)

    def _tokens(self, record: Record, tokenizer: Tokenizer, context_length: int) -> tuple[list[int], int]:
        question = tokenizer.encode(value(record, "question") + "\n")[: context_length // 2]
        before = [tokenizer.end_of_text, *question]
        context = tokenizer.encode(value(record, "context"))[: context_length - len(before)]
        return [*before, *context], len(before)

    def _span(self, record: Record, tokenizer: Tokenizer, context: list[int]) -> tuple[int, int] | None:
        """The first and last token of the first answer, of those that hold a character of it."""
        start = record.get("answer_start")
        if start is None or not record["answers"]:
            return None
        end = start + len(record["answers"][0])
        # Ends[i] is where token i's text ends: tokens of one character's bytes end with its last one.
        ends = np.array([len(tokenizer.decode(context[: i + 1])) for i in range(len(context))])
        first, last = np.searchsorted(ends, start, side="right"), np.searchsorted(ends, end, side="left")
        return (int(first), int(last)) if last < len(context) else None


def best_span(scores: Tensor, max_length: int) -> tuple[int, int]:
    """First and last place with the best sum of log-probabilities `(time, 2)`, at most `max_length` apart."""
    sums = scores[:, :1] + scores[None, :, 1]
    time = len(scores)
    allowed = torch.ones(time, time, dtype=torch.bool).triu().tril(max_length - 1)
    best = int(sums.masked_fill(~allowed, -torch.inf).argmax())
    return divmod(best, time)
