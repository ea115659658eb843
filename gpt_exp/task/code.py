"""Code: a function from its signature and docstring, judged by running it (pass@k)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from gpt_exp.interfaces import Decoding, Model, Prediction, Record, Tokenizer
from gpt_exp.task.execution.run import Outcome
from gpt_exp.task.metric.code import CodeMetric
from gpt_exp.task.prompt import seeds_of, value
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
        """Attempts at each record, and what became of their tests. Equal prompts draw equal attempts.

        ValueError for several attempts with a decoding that does not draw: they would be equal.
        """
        if self.num_samples > 1 and not decoding.draws:
            raise ValueError(f"task.num_samples={self.num_samples} attempts would be equal: decode=sampling")
        first = seeds_of(map(self.template.fill, records))
        attempts = [
            self.generate(model, records, tokenizer, decoding, shots=shots, seeds=[s + i for s in first])
            for i in range(self.num_samples)
        ]
        return [
            self._judged(record, list(texts))
            for record, texts in zip(records, zip(*attempts, strict=True), strict=True)
        ]

    def stripped(self, text: str) -> str:
        """With the indentation of its first line."""
        return text.rstrip().removeprefix("\n")

    def input(self, record: Record) -> str:
        return self.template.fill(record)

    def _judged(self, record: Record, attempts: list[str]) -> Prediction:
        outcomes = self.tests.outcomes(record, attempts) if self.tests else None
        output = {"attempts": attempts, "outcomes": outcomes}
        return Prediction(output, value(record, self.target), self.input(record))
