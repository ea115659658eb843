"""What an offline run's .wandb file says: protobuf records in LevelDB's log format."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wandb.proto import wandb_internal_pb2

FILE_HEADER, BLOCK, PIECE_HEADER = 7, 32768, 7  # Bytes.
FULL, LAST = 1, 4  # Kinds of pieces that end a record.


@dataclass
class OfflineRun:
    """One file; `exit_code` is None where the process was killed."""

    id: str = ""
    name: str = ""
    project: str = ""
    group: str = ""
    job_type: str = ""
    tags: list[str] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    artifacts: list[str] = field(default_factory=list)
    exit_code: int | None = None


def read(path: Path) -> OfflineRun:
    run = OfflineRun()
    for record in records(path):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            told = record.run
            run.id, run.name, run.project = told.run_id, told.display_name, told.project
            run.group, run.job_type, run.tags = told.run_group, told.job_type, list(told.tags)
            run.config |= _items(told.config.update)
        elif kind == "config":
            run.config |= _items(record.config.update)
        elif kind == "history":
            run.history.append(_items(record.history.item))
        elif kind == "summary":
            run.summary |= _items(record.summary.update)
        elif kind == "artifact":
            run.artifacts += [entry.path for entry in record.artifact.manifest.contents]
        elif kind == "exit":
            run.exit_code = record.exit.exit_code
    return run


def records(path: Path) -> Iterator[Any]:
    """Every whole record; each piece of one has a header of checksum, length and kind."""
    data, at, pieces = path.read_bytes(), FILE_HEADER, b""
    while at + PIECE_HEADER <= len(data):
        if BLOCK - at % BLOCK < PIECE_HEADER:  # The rest of a block, too short for a header, is padding.
            at += BLOCK - at % BLOCK
            continue
        _, length, kind = struct.unpack_from("<IHB", data, at)
        at += PIECE_HEADER + length
        pieces += data[at - length : at]
        if kind in (FULL, LAST):
            yield wandb_internal_pb2.Record.FromString(pieces)
            pieces = b""


def _items(items: Any) -> dict[str, Any]:
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}
