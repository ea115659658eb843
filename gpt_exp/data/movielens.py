"""MovieLens 100K (Harper and Konstan 2015): which films each user rated, one after the other."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from gpt_exp.data import files, record_files
from gpt_exp.data.leave_one_out import leave_one_out
from gpt_exp.data.record_source import Parts, RecordSource
from gpt_exp.interfaces import Record


class MovieLens(RecordSource):
    """Records {user, items, target}, split by `leave_one_out`; items are identifiers, as text.

    A user's items stand by time, those of one second in the file's order, which is random: sorted by
    identifier they would tell which comes next. `titles` adds each item's title from `u.item`, as
    `titles` and `target_title`.
    """

    def __init__(self, *, root: str, folder: str | None = None, titles: bool = False) -> None:
        names = {"data": "u.data", **({"item": "u.item"} if titles else {})}
        self._files = record_files.find(names, root=root, folder=folder)

    def _read(self) -> Parts:
        """Raises ValueError with file and line for what is no rating."""
        parts = leave_one_out(_histories(self._files["data"][0]).items())
        if "item" not in self._files:
            return parts
        titles = _titles(self._files["item"][0])
        return {part: [_titled(record, titles) for record in records] for part, records in parts.items()}


def _histories(path: Path) -> dict[str, list[str]]:
    """Items by user: users by number, items by time."""
    rated: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for number, line in enumerate(files.read_text(path).splitlines(), start=1):
        try:
            user, item, _, time = line.split("\t")
            rated[int(user)].append((int(time), item))
        except ValueError:
            raise ValueError(f"{path}:{number}: not user TAB item TAB rating TAB time: {line!r}") from None
    return {
        str(user): [item for _, item in sorted(rated[user], key=lambda each: each[0])]
        for user in sorted(rated)
    }


def _titles(path: Path) -> dict[str, str]:
    rows = [line.split("|") for line in files.read_text(path, "latin-1").split("\n") if line]
    return {row[0]: row[1] for row in rows}


def _titled(record: Record, titles: dict[str, str]) -> Record:
    """Raises ValueError for an item without a title."""
    named = {**record, "titles": [_title(item, titles) for item in record["items"]]}
    return {**named, "target_title": _title(record["target"], titles)} if "target" in record else named


def _title(item: str, titles: dict[str, str]) -> str:
    if item not in titles:
        raise ValueError(f"u.item has no title for item {item}; set data.titles=false")
    return titles[item]
