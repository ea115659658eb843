"""Which records validate and test, where the data do not say: decided by the record, never by chance."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence

from gpt_exp.corpus.split import Split, part_of
from gpt_exp.data.canonical import canonical
from gpt_exp.interfaces import Record

log = logging.getLogger(__name__)


def divide(parts: Mapping[str, Sequence[Record]], split: Split) -> dict[str, list[Record]]:
    """What the data bring along, and what they lack taken from "train", in the same order.

    "val" is taken where there is none, "test" where there is nothing but "train". The hash of a record's
    "group", or else of the whole record, decides (`part_of`): equal ones stay together, and records added
    elsewhere move none. Data without "train" stay as they are. Raises ValueError for a part without records.
    """
    found = {name: list(records) for name, records in parts.items()}
    if "train" in found:
        found |= _taken(found["train"], *_fractions(found, split))
    for name, records in found.items():
        if not records:
            raise ValueError(_advice(name, parts))
    return found


def warn_of_repeated(parts: Mapping[str, Sequence[Record]]) -> None:
    """Log how many records of each other part stand in "train" too: their figures flatter a model."""
    if len(parts) < 2 or "train" not in parts:
        return
    learnt = {_content(record) for record in parts["train"]}
    for part, records in parts.items():
        count = sum(_content(record) in learnt for record in records) if part != "train" else 0
        if count:
            log.warning("%d of the %d records in %r are in 'train' too", count, len(records), part)


def _content(record: Record) -> bytes:
    """What two equal records of different groups have in common."""
    plain = {field: value for field, value in record.items() if field != "group"}
    return hashlib.blake2b(canonical(plain), digest_size=16).digest()


def _fractions(parts: Mapping[str, Sequence[Record]], split: Split) -> tuple[float, float]:
    return (
        0.0 if "val" in parts else split.val_fraction,
        split.test_fraction if set(parts) == {"train"} else 0.0,
    )


def _taken(train: list[Record], val_fraction: float, test_fraction: float) -> dict[str, list[Record]]:
    """The training part divided into itself and those parts that have a fraction."""
    fractions = {"train": 1.0, "val": val_fraction, "test": test_fraction}
    found: dict[str, list[Record]] = {part: [] for part, fraction in fractions.items() if fraction > 0}
    for record in train:
        found[part_of(_key(record), val_fraction, test_fraction)].append(record)
    return found


def _key(record: Record) -> str:
    return hashlib.blake2b(canonical(record.get("group", record)), digest_size=16).hexdigest()


def _advice(part: str, parts: Mapping[str, Sequence[Record]]) -> str:
    if part in parts and not parts[part]:
        return f"the data's own part {part!r} holds no records"
    train = parts["train"]
    groups = len({_key(record) for record in train})
    where = f"the part {part!r} is empty: {len(train)} records in {groups} groups"
    if part == "train":
        return f"{where} all validate or test; give more data, or lower split.val_fraction"
    return f"{where} all went elsewhere; raise split.{part}_fraction, set it to 0, or set data.{part}"
