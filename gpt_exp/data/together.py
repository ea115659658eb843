"""Several sources of records as one."""

from __future__ import annotations

from collections.abc import Mapping

from gpt_exp.data.record_source import Parts, RecordSource
from gpt_exp.interfaces import Records


class Together(RecordSource):
    """The training records of all sources, one source after another; other splits are those of the first.

    `root` is there for `${data.root}` in `sources`.
    """

    def __init__(self, *, sources: Mapping[str, Records], root: str | None = None) -> None:
        if not sources:
            raise ValueError("data.sources is empty: name some, as in /data@data.sources.NAME: jsonl")
        self._sources = list(sources.values())

    def _read(self) -> Parts:
        all_parts = [source.read() for source in self._sources]
        others = {split: list(records) for split, records in all_parts[0].items() if split != "train"}
        return {"train": [record for parts in all_parts for record in parts["train"]], **others}
