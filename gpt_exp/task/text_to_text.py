"""A text from a text: what translation, summarization, question answering by generation and code share."""

from __future__ import annotations

import json
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from torch import Tensor

from gpt_exp.decoding.continued import continued
from gpt_exp.interfaces import (
    Batch,
    Decoding,
    Example,
    Loss,
    Model,
    Prediction,
    PredictionMetric,
    Record,
    Tokenizer,
)
from gpt_exp.task.collate import collate, num_targets
from gpt_exp.task.confidence import mean_probabilities
from gpt_exp.task.prompt import Template, asked, prompt_room, seeds_of, value
from gpt_exp.task.settings import check_label_smoothing, check_max_new_tokens
from gpt_exp.task.target_loss import target_logits, target_loss

log = logging.getLogger(__name__)


class TextToText(ABC):
    """A sequence is `end_of_text prompt target end_of_text`, and the target alone carries loss.

    `template` makes the prompt; of it the field `cut` (the first one, if it is null) gives way where a
    record is longer than the context. A target takes half of the context at most; of a longer one the
    beginning is learnt, and not that it ends there.
    """

    name: str
    target: str = "target"  # The field that is learnt.
    between_shots: str = "\n\n"
    heads: Mapping[str, Callable[[Any], Any]] = {}

    def __init__(
        self,
        *,
        template: str,
        cut: str | None = None,
        max_new_tokens: int = 100,
        label_smoothing: float = 0.0,
        stop: Sequence[str] = (),
    ) -> None:
        check_label_smoothing(label_smoothing)
        check_max_new_tokens(max_new_tokens)
        self.template = Template(template, cut=cut)
        self.between = "" if template[-1].isspace() else " "  # Words are tokens with the space before them.
        self.max_new_tokens, self.label_smoothing, self.stop = max_new_tokens, label_smoothing, tuple(stop)

    @abstractmethod
    def metric(self) -> PredictionMetric: ...

    def example(self, record: Record, tokenizer: Tokenizer, *, context_length: int) -> Example:
        """Tokens of a record and which of them are learnt."""
        whole, most = tokenizer.encode(self.target_text(record)), context_length // 2
        target = whole[:most]
        prompt = self.prompt(record, tokenizer, room=context_length - len(target))
        end = [tokenizer.end_of_text] if len(whole) <= most else []
        tokens = np.array([*prompt, *target, *end])
        is_target = np.arange(1, len(tokens)) >= len(prompt)
        return Example(tokens, is_target=is_target)

    def prompt(
        self, record: Record, tokenizer: Tokenizer, *, room: int, shots: Sequence[Record] = ()
    ) -> list[int]:
        """What stands before the target, at most `room` tokens: as many of the shots as there is room for."""
        own = self.template.encode(record, tokenizer, room - 1)
        room -= 1 + len(own)
        before: list[int] = []
        for number, shot in enumerate(shots):
            solved = tokenizer.encode(self.solved(shot) + self.between_shots)
            if len(before) + len(solved) > room:
                _warn_of_room(number, len(shots))
                break
            before += solved
        return [tokenizer.end_of_text, *before, *own]

    def solved(self, record: Record) -> str:
        """A record's prompt and target as one text."""
        return self.template.fill(record) + self.target_text(record)

    def target_text(self, record: Record) -> str:
        """What the model is to write."""
        return self.between + value(record, self.target)

    def num_targets(self, example: Example) -> int:
        return num_targets(example)

    def collate(self, examples: Sequence[Example]) -> Batch:
        return collate(examples)

    def loss(self, model: Model, batch: Batch) -> Loss:
        return target_loss(model, batch, label_smoothing=self.label_smoothing)

    def scores(self, model: Model, batch: Batch) -> tuple[Tensor, Tensor]:
        """Logits of every token where there are targets, and these."""
        return target_logits(model, batch)

    def predict(
        self,
        model: Model,
        records: Sequence[Record],
        tokenizer: Tokenizer,
        decoding: Decoding,
        *,
        shots: Sequence[Record] = (),
    ) -> list[Prediction]:
        """A text for each record; equal prompts draw equal texts."""
        seeds = seeds_of(map(self.template.fill, records))
        texts = self.generate(model, records, tokenizer, decoding, shots=shots, seeds=seeds)
        return [
            Prediction(text, self.reference(record), self.input(record))
            for text, record in zip(texts, records, strict=True)
        ]

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
        """Continuations of the records' prompts, up to the end of the text or a stop string.

        `seeds`, one a record, decide what a decoding draws.
        """
        room = prompt_room(model.shape.context_length, self.max_new_tokens)
        prompts = [self.prompt(record, tokenizer, room=room, shots=shots) for record in records]
        texts = continued(
            model,
            prompts,
            tokenizer,
            decoding,
            max_new_tokens=self.max_new_tokens,
            stop=[*self.stop, *([self.between_shots] if shots else [])],
            seeds=seeds,
        )
        return [self.stripped(text) for text in texts]

    def sure_answers(
        self, model: Model, records: Sequence[Record], tokenizer: Tokenizer, decoding: Decoding
    ) -> list[tuple[str, float]]:
        """Each record's answer, and the geometric mean of its tokens' probabilities."""
        seeds = seeds_of(map(self.template.fill, records))
        texts = self.generate(model, records, tokenizer, decoding, seeds=seeds)
        answered = [{**record, self.target: text} for record, text in zip(records, texts, strict=True)]
        return list(zip(texts, mean_probabilities(self, model, answered, tokenizer), strict=True))

    def stripped(self, text: str) -> str:
        """What is written, without the white space that says nothing."""
        return text.strip()

    def ask(self, text: str) -> Record:
        """The record that a question is: an object in JSON by fields, any other text as the field `cut`.

        ValueError where the template has fields that are not there.
        """
        record = asked(text, self.template.cut)
        if missing := [field for field in self.template.fields if field not in record]:
            raise ValueError(
                f"prompt: no {', '.join(missing)}; a JSON object gives all fields: "
                f"{json.dumps(dict.fromkeys(self.template.fields, '...'))}"
            )
        return record

    def reference(self, record: Record) -> Any:
        """What an answer is compared with: a text, or several."""
        return record[self.target]

    def input(self, record: Record) -> str:
        """What a reader of predictions sees of a record."""
        return value(record, self.template.cut)


@cache
def _warn_of_room(fitting: int, count: int) -> None:
    """Once for each number, not for each prompt."""
    log.warning("some prompts have room for %d of the %d shots", fitting, count)
