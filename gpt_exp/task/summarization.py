"""Summarization: a long text in a few words (ROUGE)."""

from __future__ import annotations

from typing import Any

from gpt_exp.task.metric.rouge import Rouge
from gpt_exp.task.text_to_text import TextToText


class Summarization(TextToText):
    """Learns `target`, the first where a record has several, after the prompt made of `source`.

    `stemmer`: ROUGE drops the endings of English words, as papers have it.
    """

    name = "summarization"

    def __init__(self, *, template: str, stemmer: bool = True, **text_to_text: Any) -> None:
        super().__init__(template=template, **text_to_text)
        self.stemmer = stemmer

    def metric(self) -> Rouge:
        return Rouge(stemmer=self.stemmer)
