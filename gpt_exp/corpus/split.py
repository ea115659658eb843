"""Which text trains, which validates, which tests: decided by the text, never by chance."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import pairwise
from typing import Literal, NamedTuple

from gpt_exp.interfaces import Piece, Source

MIN_DOCUMENTS = 20  # Below, a split by document would be too uneven.

Part = Literal["train", "val", "test"]
PARTS: tuple[Part, ...] = ("train", "val", "test")


class Plan(NamedTuple):
    """How one source is divided, after a pass over it."""

    by: Literal["document", "tail"]
    val_fraction: float
    test_fraction: float
    num_characters: int

    @property
    def parts(self) -> tuple[Part, ...]:
        fractions = {"train": 1.0, "val": self.val_fraction, "test": self.test_fraction}
        return tuple(part for part in PARTS if fractions[part] > 0)

    def divide(self, source: Source) -> Iterator[tuple[Part, Piece]]:
        """Every piece with its part; a piece across a border of the tail is cut there."""
        if self.by == "tail":
            return self._by_tail(source)
        return (
            (part_of(piece.document, self.val_fraction, self.test_fraction), piece)
            for piece in source.pieces()
        )

    def _by_tail(self, source: Source) -> Iterator[tuple[Part, Piece]]:
        position = 0
        for piece in source.pieces():
            for part, (start, end) in zip(PARTS, pairwise(self.borders), strict=True):
                text = piece.text[max(start - position, 0) : max(end - position, 0)]
                if text:
                    yield part, Piece(text, piece.document)
            position += len(piece.text)

    @property
    def borders(self) -> tuple[int, int, int, int]:
        """Where the parts begin and end in a split by tail: nanoGPT's cut, `data[: int(n * 0.9)]`."""
        train_end = int(self.num_characters * (1 - (self.val_fraction + self.test_fraction)))
        val_end = int(self.num_characters * (1 - self.test_fraction))
        return 0, train_end, val_end, self.num_characters


class Split:
    """Fractions for validation and test, taken by document or from the text's tail.

    By document: a hash of its key decides, so that adding documents never moves another (what follows a
    NUL in a key only tells equal documents apart). By tail: the last fractions of all characters. Auto: by
    document where there are at least 20 and every part gets one, else by tail.
    """

    def __init__(
        self,
        *,
        val_fraction: float = 0.05,
        test_fraction: float = 0.05,
        by: Literal["auto", "document", "tail"] = "auto",
    ) -> None:
        for name, fraction in (("val_fraction", val_fraction), ("test_fraction", test_fraction)):
            if not 0 <= fraction < 1:
                raise ValueError(f"split.{name}={fraction} is outside [0, 1)")
        if val_fraction + test_fraction >= 1:
            raise ValueError(f"split: {val_fraction=} and {test_fraction=} leave no training text")
        if by not in ("auto", "document", "tail"):
            raise ValueError(f"split.by={by!r} is none of auto, document, tail")
        self.val_fraction = val_fraction
        self.test_fraction = test_fraction
        self.by = by

    def plan(self, source: Source) -> Plan:
        """Read the source once; raises ValueError where a part would come out empty."""
        num_documents: dict[Part, int] = dict.fromkeys(PARTS, 0)
        num_characters, previous = 0, None
        for piece in source.pieces():
            num_characters += len(piece.text)
            if piece.document != previous:
                num_documents[part_of(piece.document, self.val_fraction, self.test_fraction)] += 1
            previous = piece.document
        plan = Plan("document", self.val_fraction, self.test_fraction, num_characters)
        empty = [part for part in plan.parts if num_documents[part] == 0]
        too_few = sum(num_documents.values()) < MIN_DOCUMENTS
        if self.by == "tail" or (self.by == "auto" and (too_few or empty)):
            plan = plan._replace(by="tail")
            lengths = dict(zip(PARTS, (end - start for start, end in pairwise(plan.borders)), strict=True))
            empty = [part for part in plan.parts if lengths[part] == 0]
        if empty:
            raise ValueError(_advice(plan, empty[0], sum(num_documents.values())))
        return plan


def part_of(document: str, val_fraction: float, test_fraction: float) -> Part:
    """By the key's hash in [0, 1): low values validate, high ones test, so that neither moves the other."""
    key = document.partition("\0")[0].encode("utf-8", "surrogateescape")
    position = int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big") / 2**64
    if position < val_fraction:
        return "val"
    return "test" if position >= 1 - test_fraction else "train"


def _advice(plan: Plan, part: Part, num_documents: int) -> str:
    what = f"the split {part!r} is empty: {num_documents} documents, {plan.num_characters} characters"
    if plan.num_characters == 0:
        return f"{what}: the data holds no text"
    if plan.by == "document":
        return f"{what}; set split.by=tail, or other fractions"
    return f"{what}; give more text" + ("" if part == "train" else f", or set split.{part}_fraction=0")
