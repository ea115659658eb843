"""Question answering: the answer is written (SQuAD's exact match and F1)."""

from __future__ import annotations

from typing import Any

from gpt_exp.interfaces import Record
from gpt_exp.task.metric.question_answering import ExactMatchF1
from gpt_exp.task.text_to_text import TextToText


class QuestionAnswering(TextToText):
    """Learns the first of a record's `answers` after its context and question; any of them is right.

    Where there are none (SQuAD 2) the right answer is an empty text.
    """

    name = "question_answering"
    target = "answers"

    def metric(self) -> ExactMatchF1:
        return ExactMatchF1()

    def target_text(self, record: Record) -> str:
        """The first answer, or nothing."""
        return super().target_text(record) if record.get(self.target, True) else ""

    def reference(self, record: Record) -> list[str]:
        return record[self.target] or [""]

    def input(self, record: Record) -> Any:
        return record.get("question", super().input(record))
