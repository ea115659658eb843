"""A file of paraphrases: JSON lines {"text": ..., "paraphrases": [...]}, a text a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from gpt_exp.run import durable

Paraphrases = dict[str, list[str]]  # By the text that they say anew.


def read(path: Path) -> Paraphrases:
    """All of a file; ValueError for a line of another shape, naming it. No file: no paraphrases yet."""
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="\n") as lines:  # Texts may hold other line ends.
        numbered = [(line, f"{path}:{number}") for number, line in enumerate(lines, start=1) if line.strip()]
    return dict(_entry(line, where) for line, where in numbered)


def missing(texts: Iterable[str], known: Mapping[str, Sequence[str]]) -> list[str]:
    """The texts that have no entry, once each, in their order; an entry without paraphrases counts as one."""
    return [text for text in dict.fromkeys(texts) if text not in known]


def add(path: Path, found: Mapping[str, Sequence[str]]) -> None:
    """Put more texts into a file, or others for the same texts; whole or not at all, whatever happens.

    The file is written anew: add some hundred texts at a time. A paraphrase equal to its text is left out.
    """
    merged = {**read(path), **{text: _useful(text, paraphrases) for text, paraphrases in found.items()}}
    lines = (json.dumps({"text": t, "paraphrases": p}, ensure_ascii=False) for t, p in merged.items())
    durable.write_file(path, "".join(f"{line}\n" for line in lines))


def _useful(text: str, paraphrases: Sequence[str]) -> list[str]:
    return [paraphrase for paraphrase in dict.fromkeys(paraphrases) if paraphrase.strip() not in ("", text)]


def _entry(line: str, where: str) -> tuple[str, list[str]]:
    try:
        row = json.loads(line)
        text, paraphrases = row["text"], row["paraphrases"]
    except (ValueError, KeyError, TypeError):
        text, paraphrases = None, None
    is_list = isinstance(paraphrases, list) and all(isinstance(one, str) for one in paraphrases)
    if not isinstance(text, str) or not is_list:
        raise ValueError(f'{where}: a line must be {{"text": "...", "paraphrases": ["...", ...]}}')
    return text, paraphrases
