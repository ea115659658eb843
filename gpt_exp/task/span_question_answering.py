"""Extractive question answering: a head points at the answer in the context."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gpt_exp.decoding.context import device_of, evaluating
from gpt_exp.decoding.text import pieces
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
from gpt_exp.task.collate import collate, on_device, unlearnt_if_blank
from gpt_exp.task.head.span import SpanHead
from gpt_exp.task.metric.question_answering import ExactMatchF1
from gpt_exp.task.prompt import value

HEAD = "span"
NOWHERE = (IGNORE_INDEX, IGNORE_INDEX)


class Window(NamedTuple):
    """A question and as much of a context as fits."""

    tokens: list[int]
    first: int  # The place of the context's first token among them.
    start: int  # The number of that token in the whole context.


class SpanQuestionAnswering:
    """The sequence is `end_of_text question line-break context`: the context's tokens know the question.

    The loss is the mean of the cross-entropies of the answer's first and last token. A context that does not
    fit is read in windows that have `overlap` tokens in common: learnt from the one in which the answer has
    the most around it, answered by the best span of all (Devlin et al. 2019, arXiv:1810.04805). A record
    without an answer is not learnt from, and is answered all the same.
    """

    name = "span_question_answering"

    def __init__(self, *, max_answer_tokens: int = 30, overlap: int = 64) -> None:
        if max_answer_tokens < 1:
            raise ValueError(f"task.max_answer_tokens={max_answer_tokens} must be at least 1")
        if overlap < 0:
            raise ValueError(f"task.overlap={overlap} must be at least 0")
        self.max_answer_tokens, self.overlap = max_answer_tokens, overlap
        self.heads: Mapping[str, Callable[[Any], nn.Module]] = {HEAD: SpanHead}

    def metric(self) -> ExactMatchF1:
        return ExactMatchF1()

    def example(self, record: Record, tokenizer: Tokenizer, *, context_length: int) -> Example:
        """Tokens, where the context begins among them, and the answer's first and last token."""
        windows = self._windows(record, tokenizer, context_length)
        answer = _answer(record, tokenizer)
        window = max(windows, key=lambda each: _margin(each, answer)) if answer else windows[0]
        if answer is None or _margin(window, answer) < 0:
            return _example(window, NOWHERE)
        shift = window.first - window.start
        return _example(window, (shift + answer[0], shift + answer[1]))

    def num_targets(self, example: Example) -> int:
        """First and last token; none where there is no answer."""
        assert example.extras is not None
        return int((example.extras["span"] != IGNORE_INDEX).sum())

    def collate(self, examples: Sequence[Example]) -> Batch:
        return collate([unlearnt_if_blank(example, "span") for example in examples])

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
        windows = [self._windows(record, tokenizer, length) for record in records]
        spans = self._best_spans(model, [window for own in windows for window in own], len(records))
        answers = []
        for own in windows:
            found = [(next(spans), window) for window in own]
            (_, first, last), window = max(found, key=lambda each: each[0][0])
            answers.append(tokenizer.decode(window.tokens[first : last + 1]).strip())
        return [
            Prediction(answer, record["answers"] or [""], record["question"])
            for answer, record in zip(answers, records, strict=True)
        ]

    @torch.no_grad()
    def _best_spans(
        self, model: Model, windows: Sequence[Window], batch_size: int
    ) -> Iterator[tuple[float, int, int]]:
        """Of each window the score, the first and the last place of its best span."""
        for start in range(0, len(windows), batch_size):
            examples = [_example(window, NOWHERE) for window in windows[start : start + batch_size]]
            batch = on_device(collate(examples), device_of(model))
            with evaluating(model):
                scores = self._scores(model, batch).cpu()
            yield from (best_span(own, self.max_answer_tokens) for own in scores)

    def _scores(self, model: Model, batch: Batch) -> Tensor:
        """Of each token to be the answer's first and last, `(batch, time, 2)`; -inf outside contexts."""
        assert batch.extras is not None
        scores = model.heads[HEAD](model(batch.tokens)).float()
        place = torch.arange(scores.shape[1], device=scores.device)[None]
        context = batch.extras["context"]
        outside = (place < context[:, :1]) | (place >= context[:, 1:])
        return scores.masked_fill(outside[..., None], -torch.inf)

    def _windows(self, record: Record, tokenizer: Tokenizer, context_length: int) -> list[Window]:
        """One at least; the question takes half of the room at most."""
        question = tokenizer.encode(value(record, "question") + "\n")[: context_length // 2 - 1]
        before = [tokenizer.end_of_text, *question]
        context, room = tokenizer.encode(value(record, "context")), context_length - len(before)
        step = max(room - self.overlap, room // 2, 1)
        starts = range(0, max(1, len(context) - room + step), step)
        return [Window([*before, *context[i : i + room]], len(before), i) for i in starts]


def _example(window: Window, span: tuple[int, int]) -> Example:
    num_tokens = len(window.tokens)
    extras = {"span": np.array(span), "context": np.array((window.first, num_tokens))}
    tokens = np.array([*window.tokens, IGNORE_INDEX])
    return Example(tokens, is_target=np.zeros(num_tokens, bool), extras=extras)


def _answer(record: Record, tokenizer: Tokenizer) -> tuple[int, int] | None:
    """The first and last token of the first answer in the whole context, of those that hold a part of it."""
    start = record.get("answer_start")
    if start is None or not record["answers"]:
        return None
    tokens = tokenizer.encode(value(record, "context"))
    lengths = [len(piece) for piece in pieces(tokenizer, tokens)][: len(tokens)]
    ends = np.cumsum([0, *lengths])  # So many characters are complete before token i.
    first = int(np.searchsorted(ends, start, side="left"))
    last = int(np.searchsorted(ends[1:], start + len(record["answers"][0]), side="left"))
    if last == len(tokens):
        return None
    return (first if ends[first] == start else first - 1), last


def _margin(window: Window, answer: tuple[int, int]) -> int:
    """How many tokens of the context stand on the answer's shorter side; below 0 where it is cut off."""
    end = window.start + len(window.tokens) - window.first
    return min(answer[0] - window.start, end - 1 - answer[1])


def best_span(scores: Tensor, max_length: int) -> tuple[float, int, int]:
    """The best sum of scores `(time, 2)`, and its first and last place, at most `max_length` apart."""
    sums = scores[:, :1] + scores[None, :, 1]
    time = len(scores)
    allowed = torch.ones(time, time, dtype=torch.bool).triu().tril(max_length - 1)
    best, place = sums.masked_fill(~allowed, -torch.inf).flatten().max(0)
    return float(best), *divmod(int(place), time)
