"""Code: a function from its signature and docstring, judged by running it (pass@k)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol
from zlib import crc32

from gpt_exp.interfaces import Decoding, Model, Prediction, Record, Tokenizer
from gpt_exp.task.execution.run import Outcome
from gpt_exp.task.metric.code import CodeMetric
from gpt_exp.task.prompt import value
from gpt_exp.task.text_to_text import TextToText


class Tests(Protocol):
    """How answers are tried (`gpt_exp/task/execution/`)."""

    def outcomes(self, record: Record, answers: Sequence[str]) -> list[Outcome] | None:
        """Of each answer; None for a record that has no tests."""


class Code(TextToText):
    """Learns the field `target`, such as a body with its indentation, after a prompt.

    `num_samples` attempts are made at each problem, from which pass@k is estimated for each of `ks`; more
    than one want a decoding that draws. Attempts are run with the record's tests: see execution/run.py for
    what that guards against. Raises ValueError for fewer attempts than the largest k.
    """

    name = "code"
    between_shots = "\n\n\n"  # As between functions: a body may hold an empty line.

    def __init__(
        self,
        *,
        template: str,
        tests: Tests | None = None,
        target: str = "body",
        num_samples: int = 1,
        ks: Sequence[int] = (1,),
        **text_to_text: Any,
    ) -> None:
        super().__init__(template=template, **text_to_text)
        if num_samples < max(ks):
            raise ValueError(f"task.num_samples={num_samples} must be at least max(task.ks)={max(ks)}")
        self.tests, self.target, self.num_samples, self.ks = tests, target, num_samples, tuple(ks)
        self.between = ""

    def metric(self) -> CodeMetric:
        return CodeMetric(ks=self.ks)

    def predict(
        self,
        model: Model,
        records: Sequence[Record],
        tokenizer: Tokenizer,
        decoding: Decoding,
        *,
        shots: Sequence[Record] = (),
    ) -> list[Prediction]:
        """Attempts at each record, and what became of their tests. Equal prompts draw equal attempts."""
        repeated = [record for record in records for _ in range(self.num_samples)]
        texts = self.generate(
            model, repeated, tokenizer, decoding, shots=shots, seeds=list(self._seeds(records))
        )
        n = self.num_samples
        attempts = [texts[start : start + n] for start in range(0, len(texts), n)]
        return [self._judged(*pair) for pair in zip(records, attempts, strict=True)]

    def stripped(self, text: str) -> str:
        """With the indentation of its first line."""
        return text.rstrip().removeprefix("\n")

    def input(self, record: Record) -> str:
        return self.template.fill(record)

    def _judged(self, record: Record, attempts: list[str]) -> Prediction:
        outcomes = self.tests.outcomes(record, attempts) if self.tests else None
        output = {"attempts": attempts, "outcomes": outcomes}
        return Prediction(output, value(record, self.target), self.input(record))

    def _seeds(self, records: Sequence[Record]) -> Iterator[int]:
        for record in records:
            first = crc32(self.template.fill(record).encode())
            yield from range(first, first + self.num_samples)
