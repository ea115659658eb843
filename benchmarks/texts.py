"""Running English text of the data sets beside the project, as it is written."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path


def encyclopedia(data: Path) -> Iterator[str]:
    """Paragraphs of WikiText-2's validation and test parts, their tokens joined again."""
    for name in ("valid", "test"):
        for line in (data / "wikitext2" / f"{name}.txt").read_text(encoding="utf-8").splitlines():
            if not line.startswith(" =") and len(line) > 300:
                yield joined(line)


def reviews(data: Path) -> Iterator[str]:
    """Film reviews, a text each."""
    with zipfile.ZipFile(data / "movie_reviews" / "movie_reviews.zip") as archive:
        for name in sorted(archive.namelist()):
            if name.endswith(".txt") and "README" not in name:
                yield joined(archive.read(name).decode("latin-1"))


def chats(data: Path) -> Iterator[str]:
    """Dialogues of Topical-Chat, a message a line."""
    for name in ("valid", "test"):
        for chat in json.loads((data / "topical_chat" / f"{name}_freq.json").read_text()).values():
            yield "\n".join(f"#Person{turn['agent'][-1]}#: {turn['message']}" for turn in chat["content"])


def joined(text: str) -> str:
    """Without the spaces that a tokenizer put around punctuation."""
    text = re.sub(r" @(.)@ ", r"\1", " ".join(text.split()))
    return re.sub(r" ([,.;:!?)%'])", r"\1", text).replace("( ", "(")


def pieces(text: str, longest: int) -> Iterator[str]:
    """Whole sentences, as many in a piece as `longest` characters hold."""
    piece = ""
    for sentence in sentences(text):
        if len(piece) + len(sentence) > longest and piece:
            yield piece
            piece = ""
        piece = f"{piece} {sentence}".strip()
    yield piece


def sentences(text: str) -> list[str]:
    return [each for each in re.split(r"(?<=[.!?])\s+", text.strip()) if each]
