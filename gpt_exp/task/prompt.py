"""From a record's fields to the tokens that a model reads, cut where they are too long."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from zlib import crc32

from gpt_exp.interfaces import Record, Tokenizer

FIELD = re.compile(r"\{(\w+)\}")


class Template:
    """Text with fields in braces, such as "{source} =>". The field `cut` gives way where room is short.

    Raises ValueError for a template without fields.
    """

    def __init__(self, text: str, *, cut: str | None = None) -> None:
        self.text, self.fields = text, tuple(FIELD.findall(text))
        if not self.fields:
            raise ValueError(f"template {text!r} has no field: write one in braces, such as {{source}}")
        self.cut = cut or self.fields[0]

    def fill(self, record: Record) -> str:
        """The whole text; ValueError names a field that the record has not."""
        return FIELD.sub(lambda match: value(record, match[1]), self.text)

    def encode(self, record: Record, tokenizer: Tokenizer, room: int) -> list[int]:
        """At most `room` tokens: the end of the field `cut` is left out, then the beginning of all."""
        whole = tokenizer.encode(self.fill(record))
        if len(whole) <= room:
            return whole
        before, field, after = self.text.partition(f"{{{self.cut}}}")
        if not field:
            return whole[-room:] if room else []
        first, last = (
            tokenizer.encode(FIELD.sub(lambda m: value(record, m[1]), part)) for part in (before, after)
        )
        kept = tokenizer.encode(value(record, self.cut))[: max(0, room - len(first) - len(last))]
        tokens = [*first, *kept, *last]
        return tokens[max(0, len(tokens) - room) :]


def value(record: Record, field: str) -> str:
    """A field's text; of several references the first, of none nothing. ValueError where it is not there."""
    if field not in record:
        raise ValueError(_missing(record, field))
    found = record[field]
    found = next(iter(found), "") if isinstance(found, list) else found
    if found is None:
        raise ValueError(f"a record's field {field!r} is null: give it a text, or leave the record out")
    return found if isinstance(found, str) else str(found)


def _missing(record: Mapping[str, Any], field: str) -> str:
    there = ", ".join(record) or "none"
    return f"a record has no field {field!r}, only {there}: data.fields.{field}=NAME says which one it is"


def prompt_room(context_length: int, max_new_tokens: int) -> int:
    """How many tokens a prompt may have: what its answer leaves, and half of the context in any case.

    No target takes more than the other half in training. A longer answer pushes the prompt out of sight.
    """
    return max(context_length - max_new_tokens, context_length - context_length // 2)


def seeds_of(texts: Iterable[str]) -> list[int]:
    """A seed for each text, the same in every run and whatever stands beside it."""
    return [crc32(text.encode()) for text in texts]


def asked(text: str, field: str) -> Record:
    """A JSON object's fields; any other text is the field that is named."""
    try:
        found = json.loads(text)
    except ValueError:
        return {field: text}
    return found if isinstance(found, dict) else {field: text}
