"""Dialogue: an assistant's answers in conversations (perplexity by turn)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gpt_exp.decoding.context import device_of, evaluating
from gpt_exp.decoding.continued import continued
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
from gpt_exp.task.chat_template import ASSISTANT, ChatTemplate, newest
from gpt_exp.task.collate import collate, num_targets, on_device
from gpt_exp.task.metric.dialogue import DialogueMetric
from gpt_exp.task.prompt import asked, prompt_room, seeds_of
from gpt_exp.task.settings import check_label_smoothing, check_max_new_tokens
from gpt_exp.task.target_loss import target_logits, target_loss


class Dialogue:
    """Records {messages: [{role, content}]}; what the assistant says, and that it ends, carries loss.

    A sequence is `end_of_text` and the newest turns that fit into the context. Figures are those of the
    assistant's turns 1, 2 ... `max_turns` and later; its last message is generated to be read.
    """

    name = "dialogue"
    heads: Mapping[str, Callable[[Any], Any]] = {}

    def __init__(
        self,
        *,
        roles: Mapping[str, str],
        end_of_turn: str | None = None,
        max_turns: int = 8,
        max_new_tokens: int = 60,
        label_smoothing: float = 0.0,
    ) -> None:
        check_label_smoothing(label_smoothing)
        check_max_new_tokens(max_new_tokens)
        self.template = ChatTemplate(roles, end_of_turn=end_of_turn)
        self.max_turns, self.max_new_tokens, self.label_smoothing = max_turns, max_new_tokens, label_smoothing
        self.stop: Sequence[str] = ()  # Beside the end of a turn.

    def metric(self) -> DialogueMetric:
        return DialogueMetric(max_turns=self.max_turns)

    def example(self, record: Record, tokenizer: Tokenizer, *, context_length: int) -> Example:
        """The newest turns, and which of their tokens are the assistant's."""
        tokens, answers = self.read(record, tokenizer, context_length)
        return Example(tokens, is_target=answers[1:] > 0)

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
        """The last answer anew, and how probable all answers are. ValueError for shots."""
        if shots:
            raise ValueError("shots: a conversation has its own turns before it, and no solved records")
        places = [_last_answer(record["messages"]) for record in records]
        before = [{"messages": record["messages"][:end]} for record, end in zip(records, places, strict=True)]
        inputs = [self.template.text(record["messages"]) for record in before]
        texts = self.generate(model, before, tokenizer, decoding, seeds=seeds_of(inputs))
        surprises = self._surprises(model, records, tokenizer)
        return [
            Prediction({"text": text, **surprise}, _content(record, end), said)
            for text, surprise, record, end, said in zip(
                texts, surprises, records, places, inputs, strict=True
            )
        ]

    def generate(
        self,
        model: Model,
        records: Sequence[Record],
        tokenizer: Tokenizer,
        decoding: Decoding,
        *,
        seeds: Sequence[int] | None = None,
    ) -> list[str]:
        """What the assistant says after the messages; `seeds`, one a record, decide what is drawn."""
        speaks = self.template.prefix(ASSISTANT, tokenizer)
        room = max(1, prompt_room(model.shape.context_length, self.max_new_tokens) - len(speaks) - 1)
        prompts = [[*self.read(record, tokenizer, room)[0].tolist(), *speaks] for record in records]
        texts = continued(
            model,
            prompts,
            tokenizer,
            decoding,
            max_new_tokens=self.max_new_tokens,
            stop=[*self.stop, *([self.template.end_of_turn] if self.template.end_of_turn else [])],
            seeds=seeds,
        )
        return [text.strip() for text in texts]

    def ask(self, text: str) -> Record:
        """The conversation that a question is: {"messages": [...]} in JSON, or what the user says first."""
        record = asked(text, "content")
        return record if "messages" in record else {"messages": [{"role": "user", "content": text}]}

    def read(self, record: Record, tokenizer: Tokenizer, room: int) -> tuple[np.ndarray, np.ndarray]:
        """`end_of_text` and up to `room` tokens; of each, in which answer it is, 0 for none."""
        turns = newest(self.template.turns(record["messages"], tokenizer), room)
        tokens = [token for turn in turns for token in turn.tokens][:room]
        answers = [answer for turn in turns for answer in turn.answers][:room]
        return np.array([tokenizer.end_of_text, *tokens]), np.array([0, *answers])

    def _surprises(
        self, model: Model, records: Sequence[Record], tokenizer: Tokenizer
    ) -> list[dict[str, list[float]]]:
        """Nats and numbers of tokens by answer, for each record."""
        context_length = model.shape.context_length
        read = [self.read(record, tokenizer, context_length) for record in records]
        examples = [Example(tokens, is_target=answers[1:] > 0) for tokens, answers in read]
        batch = on_device(collate(examples), device_of(model))
        with evaluating(model), torch.no_grad():
            hidden = model(batch.tokens)
            nats = [
                _nats(model, hidden[row, : len(own) - 1], batch.targets[row, : len(own) - 1])
                for row, (own, _) in enumerate(read)
            ]
        return [self._by_turn(own, answers[1:]) for own, (_, answers) in zip(nats, read, strict=True)]

    def _by_turn(self, nats: np.ndarray, answers: np.ndarray) -> dict[str, list[float]]:
        turns = np.minimum(answers, self.max_turns)
        size = self.max_turns + 1
        return {
            "nats": np.bincount(turns, nats, size)[1:].tolist(),
            "num_targets": np.bincount(turns, minlength=size)[1:].tolist(),
        }


def _nats(model: Model, hidden: torch.Tensor, targets: torch.Tensor) -> np.ndarray:
    """Of one row's targets, `(time,)`, 0 where there is none: all rows' logits would be large."""
    logits = model.logits(hidden[None])[0].float()
    return F.cross_entropy(logits, targets, reduction="none").double().cpu().numpy()


def _last_answer(messages: Sequence[Mapping[str, str]]) -> int:
    """The place of the assistant's last message; the number of messages where there is none."""
    places = [place for place, message in enumerate(messages) if message["role"] == ASSISTANT]
    return places[-1] if places else len(messages)


def _content(record: Record, place: int) -> str | None:
    messages = record["messages"]
    return messages[place]["content"] if place < len(messages) else None
