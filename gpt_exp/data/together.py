"""Several sources of records as one."""

from __future__ import annotations

from collections.abc import Mapping

from gpt_exp.data.record_source import Parts, RecordSource
from gpt_exp.interfaces import Records


class Together(RecordSource):
    """The training records of all sources, one source after another; other splits are those of the first.

    So a run's own answers never judge. `root` is there for `${data.root}` in `sources`.
    """

    def __init__(self, *, sources: Mapping[str, Records], root: str | None = None) -> None:
        if not sources:
            raise ValueError("data.sources is empty: name some, as in /data@data.sources.NAME: jsonl")
        self._sources = dict(sources)

    def _read(self) -> Parts:
        """ValueError where the first has no "val": it would be taken from all of them."""
        all_parts = [source.read() for source in self._sources.values()]
        others = {split: list(records) for split, records in all_parts[0].items() if split != "train"}
        if "val" not in others:
            first = next(iter(self._sources))
            raise ValueError(f"data.sources.{first} has no part val, which is that of all sources together")
        return {"train": [record for parts in all_parts for record in parts["train"]], **others}
