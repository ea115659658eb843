"""Questions about paragraphs, in SQuAD's JSON (Rajpurkar et al. 2016, arXiv:1606.05250)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Unpack

from gpt_exp.data import files, record_files
from gpt_exp.data.record_files import SplitFiles
from gpt_exp.data.record_source import Parts, RecordSource
from gpt_exp.interfaces import Record


class Squad(RecordSource):
    """Records {context, question, answers, answer_start}; a paragraph's questions are one "group".

    `answers` are all accepted texts, `answer_start` is the first one's character in the context; a question
    without an answer (version 2) has none and null.
    """

    def __init__(
        self,
        **splits: Unpack[SplitFiles],
    ) -> None:
        self._files = record_files.of_splits(splits, suffixes=(".json", ".json.gz"))

    def _read(self) -> Parts:
        """Raises ValueError for a file in another format."""
        return record_files.read(self._files, _records)


def _records(path: Path) -> Iterator[Record]:
    try:
        for article in json.loads(files.read_text(path))["data"]:
            for paragraph in article["paragraphs"]:
                yield from _questions(paragraph)
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} is not in SQuAD's format, data > paragraphs > context, qas: {error!r}"
        ) from None


def _questions(paragraph: dict[str, Any]) -> Iterator[Record]:
    context = paragraph["context"]
    group = hashlib.blake2b(context.encode(), digest_size=16).hexdigest()
    for question in paragraph["qas"]:
        answers = question["answers"]
        yield {
            "context": context,
            "question": question["question"],
            "answers": list(dict.fromkeys(answer["text"] for answer in answers)),
            "answer_start": answers[0]["answer_start"] if answers else None,
            "group": group,
        }
