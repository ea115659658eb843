"""Conversations written as lines, `#Person1#: Hello.`, as messages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Unpack

from gpt_exp.data import json_rows, record_files
from gpt_exp.data.columns import Columns
from gpt_exp.data.record_files import SplitFiles
from gpt_exp.data.record_source import Parts, RecordSource
from gpt_exp.interfaces import Record

SPEAKER = re.compile(r"#(\w+)#:\s*")


class DialogueLines(RecordSource):
    """Records {messages: [{role, content}]} of JSON objects whose `field` holds such lines.

    Who speaks first is the user, and all others are the assistant: their messages alternate. A line without a
    speaker goes on with the one before.
    """

    def __init__(
        self,
        *,
        field: str = "dialogue",
        **splits: Unpack[SplitFiles],
    ) -> None:
        self._files = record_files.of_splits(splits, suffixes=json_rows.ALL)
        self._columns = Columns({"text": field})

    def _read(self) -> Parts:
        """Raises ValueError with file and line for text without a speaker."""
        return record_files.read(self._files, self._records)

    def _records(self, path: Path) -> Iterator[Record]:
        for where, row in json_rows.rows(path):
            yield {"messages": messages(self._columns.record(row, where)["text"], where)}


def messages(text: str, where: str = "a dialogue") -> list[dict[str, str]]:
    """The lines of one dialogue, alternating between user and assistant."""
    found: list[dict[str, str]] = []
    first = None
    for line in filter(None, map(str.strip, text.splitlines())):
        speaker = SPEAKER.match(line)
        if not speaker and not found:
            raise ValueError(f"{where}: no speaker, as in '#Person1#: ...': {line[:60]!r}")
        content = line[speaker.end() :] if speaker else line
        first = first or (speaker and speaker[1])
        role = ("user" if speaker[1] == first else "assistant") if speaker else found[-1]["role"]
        _append(found, role, content)
    return found


def _append(found: list[dict[str, str]], role: str, content: str) -> None:
    if found and found[-1]["role"] == role:
        found[-1]["content"] += f"\n{content}"
    else:
        found.append({"role": role, "content": content})
