"""Texts of several sources in one run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from gpt_exp.interfaces import Piece, Source


class Blend:
    """Several sources by name; the config's `mixture` says how often each is read. ValueError for none."""

    def __init__(self, *, sources: Mapping[str, Source]) -> None:
        if not sources:
            raise ValueError("data.sources: needs some, as in +data@data.sources.code=standard_library")
        self.sources = dict(sorted(sources.items()))  # However a config orders them: one run, one mixture.

    def fingerprint(self) -> str:
        named = "".join(f"{name}\0{each.fingerprint()}\0" for name, each in self.sources.items())
        return hashlib.sha256(named.encode()).hexdigest()

    def pieces(self) -> Iterator[Piece]:
        """Source after source."""
        for name, source in self.sources.items():
            for piece in source.pieces():
                yield piece._replace(document=f"{name}/{piece.document}")
