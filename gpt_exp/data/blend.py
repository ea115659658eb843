"""Texts of several sources in one run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gpt_exp.data import pieces
from gpt_exp.interfaces import Piece, Source


class Blend:
    """Several sources by name; the config's `mixture` says how often each is read. ValueError for none."""

    def __init__(self, *, sources: Mapping[str, Source]) -> None:
        if not sources:
            raise ValueError("data.sources: needs some, as in +data@data.sources.code=standard_library")
        self.sources = dict(sorted(sources.items()))  # However a config orders them: one run, one mixture.

    def fingerprint(self) -> str:
        return pieces.fingerprint_of_sources(self.sources)

    def pieces(self) -> Iterator[Piece]:
        """Source after source."""
        return pieces.of_sources(self.sources)
