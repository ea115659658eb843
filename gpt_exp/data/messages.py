"""Conversations: lists of messages as OpenAI writes them, and ShareGPT, and others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Unpack

from gpt_exp.data import json_rows, record_files
from gpt_exp.data.columns import NOTHING
from gpt_exp.data.record_files import SplitFiles
from gpt_exp.data.record_source import Parts, RecordSource
from gpt_exp.interfaces import Record

ROLES = ("system", "user", "assistant", "tool")


class Messages(RecordSource):
    """Records {messages: [{role, content}]} of `.jsonl` and `.json` files, also gzipped.

    `messages`, `role` and `content` are the keys that the files use; `roles` gives the role for each name
    that they use, as in {human: user, gpt: assistant}.
    """

    def __init__(
        self,
        *,
        messages: str = "messages",
        role: str = "role",
        content: str = "content",
        roles: Mapping[str, str] = NOTHING,
        **splits: Unpack[SplitFiles],
    ) -> None:
        unknown = set(roles.values()) - set(ROLES)
        if unknown:
            raise ValueError(f"data.roles: {', '.join(sorted(unknown))} is none of {', '.join(ROLES)}")
        self._files = record_files.of_splits(splits, suffixes=json_rows.ALL)
        self._messages, self._role, self._content = messages, role, content
        self._roles = {**{role: role for role in ROLES}, **roles}

    def _read(self) -> Parts:
        """Raises ValueError with file and line for what is no list of messages, a role without a name."""
        return record_files.read(self._files, self._records)

    def _records(self, path: Path) -> Iterator[Record]:
        for where, row in json_rows.rows(path):
            messages = row.get(self._messages)
            if not isinstance(messages, list):
                raise ValueError(
                    f"{where}: no list {self._messages!r}; data.messages can be one of: {', '.join(row)}"
                )
            yield {"messages": [self._message(message, where) for message in messages]}

    def _message(self, message: Any, where: str) -> dict[str, str]:
        there = message if isinstance(message, dict) else {}
        role, content = there.get(self._role), there.get(self._content)
        if not isinstance(role, str) or not isinstance(content, str):
            keys = f"data.role={self._role}, data.content={self._content}"
            raise ValueError(f"{where}: a message without texts for {keys}; it has: {', '.join(there)}")
        if role not in self._roles:
            raise ValueError(f"{where}: role {role!r} is none of {', '.join(self._roles)}; set data.roles")
        return {"role": self._roles[role], "content": content}
