"""Several sources prepared one by one, each divided as if it were alone, and read as one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gpt_exp.corpus.prepare import Corpus, prepare
from gpt_exp.corpus.shards import Tokens
from gpt_exp.corpus.split import Split
from gpt_exp.data import pieces
from gpt_exp.interfaces import Piece, Source, Tokenizer


class BlendedCorpus:
    """Corpora of one tokenizer as one: each part is their streams, one after another."""

    def __init__(self, sources: Mapping[str, Corpus]) -> None:
        self.sources = dict(sources)
        first, *_ = self.sources.values()
        self.parts = first.parts  # Fractions decide which there are: the same for all.
        shared = {key: first.meta[key] for key in ("vocab_size", "end_of_text", "dtype")}
        identity = {"blend": {name: each.meta["identity"] for name, each in self.sources.items()}}
        counts = {part: self._sum(part) for part in self.parts}
        self.meta: dict[str, Any] = {**shared, "identity": identity, "parts": counts}

    def _sum(self, part: str) -> dict[str, int]:
        counts: Counter[str] = Counter()
        for each in self.sources.values():
            counts.update(each.meta["parts"][part])
        return dict(counts)

    def tokens(self, part: str) -> Tokens:
        files = [file for each in self.sources.values() for file in each.files(part)]
        return Tokens(files, self.meta["dtype"])

    def bytes_per_target(self, part: str) -> float:
        """As of a `Corpus`."""
        counts = self.meta["parts"][part]
        return counts["num_bytes"] / max(counts["num_tokens"] - 1, 1)


def prepare_blend(
    sources: Mapping[str, Source], tokenizer: Tokenizer, split: Split, *, cache: Path
) -> BlendedCorpus:
    """Each source as `prepare` does it alone: what is held out does not depend on the others.

    Raises a source's ValueError with its name, such as for one that is too short to be divided.
    """
    found = {}
    for name, source in sources.items():
        with _of_source(name):
            found[name] = prepare(source, tokenizer, split, cache=cache)
    return BlendedCorpus(found)


@contextmanager
def _of_source(name: str) -> Iterator[None]:
    """What is wrong with a source is told with its name."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"data.sources.{name}: {error}") from error


class TrainingTexts:
    """The training parts of several sources, for a tokenizer: a source that holds nothing back."""

    def __init__(self, sources: Mapping[str, Source], split: Split) -> None:
        self._sources, self._split = sources, split

    def fingerprint(self) -> str:
        divided = (self._split.val_fraction, self._split.test_fraction, self._split.by)
        return f"{divided} {pieces.fingerprint_of_sources(self._sources)}"

    def pieces(self) -> Iterator[Piece]:
        for name, source in self._sources.items():
            with _of_source(name):
                plan = self._split.plan(source)
            for part, piece in plan.divide(source):
                if part == "train":
                    yield piece._replace(document=f"{name}/{piece.document}")
