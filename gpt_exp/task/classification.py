"""Classification of a text: by a head on the model, or by how probable each label's name is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from gpt_exp.decoding.context import device_of, evaluating
from gpt_exp.decoding.labels import score_labels
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
from gpt_exp.task.head.classification import ClassificationHead, last_states, mean_states
from gpt_exp.task.metric.classification import ClassificationMetric
from gpt_exp.task.prompt import value
from gpt_exp.task.settings import check_label_smoothing
from gpt_exp.task.text_losses import text_losses
from gpt_exp.task.text_to_text import TextToText

HEAD = "classification"
POOLINGS = {"last": last_states, "mean": mean_states}


class HeadClassification:
    """A linear head reads the hidden state after the whole text, or with `pooling=mean` the mean of all.

    The label is the only target. `language_modeling` weighs a loss beside it in training, the mean
    cross-entropy of the text's own tokens: Radford et al. 2018 (GPT), section 3.2. `train/loss` holds it too.
    """

    name = "classification"
    target = "label"

    def __init__(
        self,
        *,
        labels: Sequence[str],
        field: str = "text",
        dropout: float = 0.1,
        label_smoothing: float = 0.0,
        pooling: str = "last",
        language_modeling: float = 0.0,
    ) -> None:
        check_label_smoothing(label_smoothing)
        if pooling not in POOLINGS:
            raise ValueError(f"task.pooling={pooling!r} must be one of {', '.join(POOLINGS)}")
        if language_modeling < 0:
            raise ValueError(f"task.language_modeling={language_modeling} must be at least 0")
        self.pooling, self.language_modeling = POOLINGS[pooling], language_modeling
        self.labels, self.field, self.label_smoothing = names_of(labels), field, label_smoothing
        self.heads: Mapping[str, Callable[[Any], nn.Module]] = {
            HEAD: partial(ClassificationHead, num_classes=len(labels), dropout=dropout)
        }

    def metric(self) -> ClassificationMetric:
        return ClassificationMetric(self.labels)

    def example(self, record: Record, tokenizer: Tokenizer, *, context_length: int) -> Example:
        """The text between two ends of text, and its label's number; of a long text the beginning."""
        text = tokenizer.encode(value(record, self.field))[: context_length - 2]
        tokens = np.array([tokenizer.end_of_text, *text, tokenizer.end_of_text, IGNORE_INDEX])
        label = number_of(value(record, "label"), self.labels)
        extras = {"label": np.array(label), "length": np.array(len(tokens) - 1)}
        return Example(tokens, is_target=np.zeros(len(tokens) - 1, bool), extras=extras)

    def num_targets(self, example: Example) -> int:
        return 1

    def collate(self, examples: Sequence[Example]) -> Batch:
        return collate([unlearnt_if_blank(example, "label") for example in examples])

    def loss(self, model: Model, batch: Batch) -> Loss:
        """Cross-entropy of the labels, one a text; what only fills up a device's share counts nothing."""
        assert batch.extras is not None
        hidden, labels = model(batch.tokens), batch.extras["label"]
        smoothing = self.label_smoothing if model.training else 0.0
        logits = self._logits(model, hidden, batch)
        total = F.cross_entropy(logits, labels, reduction="sum", label_smoothing=smoothing)
        if self.language_modeling and model.training:
            lengths = batch.extras["length"]
            total = total + self.language_modeling * text_losses(model, hidden, batch.tokens, lengths).sum()
        return Loss(total, (labels != IGNORE_INDEX).sum())

    def scores(self, model: Model, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits of every label, and each text's."""
        assert batch.extras is not None
        return self._logits(model, model(batch.tokens), batch), batch.extras["label"]

    def predict(
        self,
        model: Model,
        records: Sequence[Record],
        tokenizer: Tokenizer,
        decoding: Decoding,
        *,
        shots: Sequence[Record] = (),
    ) -> list[Prediction]:
        """The most probable label of each record. ValueError for shots: a head reads no examples."""
        if shots:
            raise ValueError(
                "shots: a classification head reads no examples; take a verbalizer, as sentiment_verbalizer"
            )
        best = self._all_scores(model, records, tokenizer).argmax(-1).tolist()
        return [
            Prediction(self.labels[number], value(record, "label"), value(record, self.field))
            for number, record in zip(best, records, strict=True)
        ]

    def sure_answers(
        self, model: Model, records: Sequence[Record], tokenizer: Tokenizer, decoding: Decoding
    ) -> list[tuple[str, float]]:
        """The most probable label of each record, and its probability."""
        unread = [{**record, self.target: self.labels[0]} for record in records]
        return most_probable(self._all_scores(model, unread, tokenizer), self.labels)

    def _all_scores(self, model: Model, records: Sequence[Record], tokenizer: Tokenizer) -> torch.Tensor:
        """Logits `(records, labels)`."""
        length = model.shape.context_length
        examples = [self.example(record, tokenizer, context_length=length) for record in records]
        batch = on_device(collate(examples), device_of(model))
        with evaluating(model), torch.no_grad():
            return self.scores(model, batch)[0]

    def _logits(self, model: Model, hidden: torch.Tensor, batch: Batch) -> torch.Tensor:
        assert batch.extras is not None
        return model.heads[HEAD](self.pooling(hidden, batch.extras["length"])).float()


class VerbalizerClassification(TextToText):
    """The label's name is written after a prompt; the most probable name is the answer.

    Schick and Schütze 2021, arXiv:2001.07676. So a model needs no head, and can be asked without training.
    """

    name = "classification"
    target = "label"

    def __init__(self, *, labels: Sequence[str], template: str, **text_to_text: Any) -> None:
        super().__init__(template=template, **text_to_text)
        self.labels = names_of(labels)

    def metric(self) -> ClassificationMetric:
        return ClassificationMetric(self.labels)

    def target_text(self, record: Record) -> str:
        """The label's name; ValueError for one that is not among the task's."""
        return self.between + self.labels[number_of(value(record, self.target), self.labels)]

    def reference(self, record: Record) -> str:
        return value(record, self.target)

    def generate(
        self,
        model: Model,
        records: Sequence[Record],
        tokenizer: Tokenizer,
        decoding: Decoding,
        *,
        shots: Sequence[Record] = (),
        seeds: Sequence[int] | None = None,
    ) -> list[str]:
        """The label whose name, with the end of the text, is most probable: so no decoding writes it."""
        best = self._label_scores(model, records, tokenizer, shots).argmax(-1).tolist()
        return [self.labels[number] for number in best]

    def sure_answers(
        self, model: Model, records: Sequence[Record], tokenizer: Tokenizer, decoding: Decoding
    ) -> list[tuple[str, float]]:
        """The most probable label of each record, and its probability among them all."""
        return most_probable(self._label_scores(model, records, tokenizer), self.labels)

    def _label_scores(
        self, model: Model, records: Sequence[Record], tokenizer: Tokenizer, shots: Sequence[Record] = ()
    ) -> torch.Tensor:
        """Log-probabilities of the labels' names `(records, labels)`."""
        labels = [tokenizer.encode(self.between + label) for label in self.labels]
        room = model.shape.context_length - 1 - max(map(len, labels))
        prompts = [self.prompt(record, tokenizer, room=room, shots=shots) for record in records]
        end = None if shots else tokenizer.end_of_text  # After shots a line break would end it.
        return score_labels(model, prompts, labels, end=end)


def most_probable(scores: torch.Tensor, labels: Sequence[str]) -> list[tuple[str, float]]:
    """From scores `(records, labels)`, up to a constant log-probabilities."""
    best, numbers = scores.float().softmax(-1).max(-1)
    return [(labels[number], share) for number, share in zip(numbers.tolist(), best.tolist(), strict=True)]


def names_of(labels: Sequence[Any]) -> list[str]:
    """Labels as text, as records have theirs: YAML reads 0 as a number. ValueError for fewer than two."""
    names = [str(label) for label in labels]
    if len(names) < 2 or len(set(names)) < len(names):
        raise ValueError(f"task.labels={list(labels)} must be two different names at least")
    return names


def number_of(label: str, labels: Sequence[str]) -> int:
    """A label's place; ValueError for one that is not among them."""
    if label not in labels:
        raise ValueError(f"a record's label is {label!r}, none of task.labels: {', '.join(labels)}")
    return labels.index(label)
