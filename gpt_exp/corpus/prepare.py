"""Documents to memory-mapped tokens, once: cached by content, in bounded memory, whole or absent."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from gpt_exp.corpus.compression import Compression
from gpt_exp.corpus.progress import progress
from gpt_exp.corpus.shards import ShardWriter, Tokens, smallest_dtype
from gpt_exp.corpus.split import Part, Plan, Split
from gpt_exp.interfaces import Piece, Source, Tokenizer
from gpt_exp.run import durable

FORMAT = 1  # Raise it when what is written changes: old caches are then made anew.
BATCH_CHARACTERS = 2**19  # Encoded at once, in parallel; the library takes some 150 bytes a token meanwhile.


class Corpus:
    """A prepared folder: tokens of each part, and what was counted while preparing (`meta`)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.meta: dict[str, Any] = json.loads((folder / "meta.json").read_text(encoding="utf-8"))

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(self.meta["parts"])

    def tokens(self, part: str) -> Tokens:
        """The stream `end_of_text document end_of_text document ...` of "train", "val" or "test"."""
        return Tokens(self.files(part), self.meta["dtype"])

    def files(self, part: str) -> list[Path]:
        self._counts(part)
        return sorted(self.folder.glob(f"{part}-*.bin"))

    def bytes_per_target(self, part: str) -> float:
        """UTF-8 bytes of text behind one predicted token (all but the first are predicted)."""
        counts = self._counts(part)
        return counts["num_bytes"] / max(counts["num_tokens"] - 1, 1)

    def _counts(self, part: str) -> dict[str, Any]:
        if part not in self.meta["parts"]:
            raise ValueError(f"split {part!r} is not there: it is one of {', '.join(self.parts)}")
        return self.meta["parts"][part]


def prepare(
    source: Source, tokenizer: Tokenizer, split: Split, *, cache: Path, show_progress: bool = True
) -> Corpus:
    """Tokenise every document into `cache`, or find there what an earlier run prepared from the same."""
    identity = {
        "format": FORMAT,
        "source": source.fingerprint(),
        "tokenizer": _tokenizer_fingerprint(tokenizer),
        "split": _arguments(split),
    }
    folder = cache / "tokens" / _key(identity)
    if durable.damage(folder, contents=False):
        plan = split.plan(source)
        with durable.write_folder(folder) as temporary:
            parts = _write(source, tokenizer, plan, temporary, show_progress=show_progress)
            meta = {
                "identity": identity,
                "by": plan.by,
                "vocab_size": tokenizer.vocab_size,
                "end_of_text": tokenizer.end_of_text,
                "dtype": smallest_dtype(tokenizer.vocab_size),
                "parts": parts,
            }
            (temporary / "meta.json").write_text(json.dumps(meta, indent=1), encoding="utf-8")
    return Corpus(folder)


def train_tokenizer(
    factory: Callable[[Iterator[str]], Tokenizer],
    source: Source,
    split: Split,
    *,
    cache: Path,
    key: str,
    load: Callable[[Path], Tokenizer],
    show_progress: bool = True,
) -> Tokenizer:
    """Train on the training part's text alone; `key` says all that decides about the tokenizer but the text.

    What `factory` makes is saved in `cache` and comes back through `load`, the first time too.
    """
    identity = {"format": FORMAT, "source": source.fingerprint(), "split": _arguments(split), "key": key}
    folder = cache / "tokenizers" / _key(identity)
    if durable.damage(folder):
        plan = split.plan(source)
        with durable.write_folder(folder) as temporary:
            pieces = _watched(source, plan, "training the tokenizer", show_progress)
            factory(piece.text for part, piece in pieces if part == "train").save(temporary)
            (temporary / "identity.json").write_text(json.dumps(identity, indent=1), encoding="utf-8")
    return load(folder)


class _PartWriter:
    """One part's tokens and counts."""

    def __init__(self, folder: Path, part: Part, tokenizer: Tokenizer) -> None:
        self._shards = ShardWriter(folder, part, dtype=smallest_dtype(tokenizer.vocab_size))
        self._compression = None if part == "train" else Compression()
        self._end_of_text = tokenizer.end_of_text
        self._num_bytes = self._num_documents = 0
        self._pending: list[int] = []  # Documents may be tiny: files are opened once a batch.

    def append(self, text: str, tokens: list[int], *, starts_document: bool) -> None:
        if starts_document or self._num_documents == 0:
            self._pending.append(self._end_of_text)
            self._num_documents += 1
        self._pending += tokens
        data = text.encode()
        self._num_bytes += len(data)
        if self._compression:
            self._compression.append(data)

    def flush(self) -> None:
        self._shards.append(self._pending)
        self._pending = []

    def counts(self) -> dict[str, int]:
        return {
            "num_tokens": self._shards.num_tokens,
            "num_documents": self._num_documents,
            "num_bytes": self._num_bytes,
            **(self._compression.sizes() if self._compression else {}),
        }


def _write(
    source: Source, tokenizer: Tokenizer, plan: Plan, folder: Path, *, show_progress: bool
) -> dict[str, dict[str, int]]:
    """Write the shards of all parts; what was counted in each."""
    writers = {part: _PartWriter(folder, part, tokenizer) for part in plan.parts}
    previous = None
    for batch in _batches(_watched(source, plan, "tokenising", show_progress)):
        encoded = tokenizer.encode_batch([piece.text for _, piece in batch])
        for (part, piece), tokens in zip(batch, encoded, strict=True):
            writers[part].append(piece.text, tokens, starts_document=piece.document != previous)
            previous = piece.document
        for writer in writers.values():
            writer.flush()
    return {part: writer.counts() for part, writer in writers.items()}


def _watched(source: Source, plan: Plan, what: str, show: bool) -> Iterator[tuple[Part, Piece]]:
    """All pieces with their parts, under a progress display."""
    with progress(what, total=plan.num_characters, show=show) as advance:
        for batch in _batches(plan.divide(source)):
            yield from batch
            advance(sum(len(piece.text) for _, piece in batch))


def _batches(pieces: Iterable[tuple[Part, Piece]]) -> Iterator[list[tuple[Part, Piece]]]:
    batch: list[tuple[Part, Piece]] = []
    length = 0
    for part, piece in pieces:
        batch.append((part, piece))
        length += len(piece.text)
        if length >= BATCH_CHARACTERS:
            yield batch
            batch, length = [], 0
    if batch:
        yield batch


def _tokenizer_fingerprint(tokenizer: Tokenizer) -> str:
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save(Path(folder))
        saved = (Path(folder) / "tokenizer.json").read_bytes()
    return hashlib.sha256(saved + str(tokenizer.end_of_text).encode()).hexdigest()


def _arguments(split: Split) -> dict[str, Any]:
    return {"val_fraction": split.val_fraction, "test_fraction": split.test_fraction, "by": split.by}


def _key(identity: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:32]
