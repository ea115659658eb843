"""What the files of a config hold, as far as it can be told before they are read."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from glob import glob
from pathlib import Path
from typing import Any

from gpt_exp.config.feasibility import PATHS
from gpt_exp.data.record_files import inside

MAX_BYTES = 100_000_000  # Of files that are read for a key; what is beyond counts by size and time.
OTHERS = ("tokenizer", "model", "augmentation")  # Parts that may read files beside the data.


def fingerprint(config: dict[str, Any]) -> str:
    """Of the data, and of files that other parts name; of data without any: which Python gives them.

    That is the contents of files on this machine. Of a `root`, under which other data lie too, it is what
    lies in the data set's own `folder`.
    """
    tasks = config.get("tasks") or {}
    data = [task.get("data") for task in tasks.values()] if tasks else [config.get("data")]
    others = [view.get(part) for view in (config, *tasks.values()) for part in OTHERS]
    of_files = all(any(_read_by(part)) for node in data for part in _parts(node))
    return _of_files([*data, *others], seed=b"" if of_files else sys.version.encode())


def fingerprint_beside(node: Any) -> str | None:
    """Of the files that a part beside the data names; None where it names none."""
    return _of_files([node]) if any(_read_by(node)) else None


def _of_files(nodes: Iterable[Any], seed: bytes = b"") -> str:
    """Of the names and contents of all files that the nodes name."""
    digest, read = hashlib.sha256(seed), 0
    for path in sorted({path for node in nodes for path in _read_by(node)}):
        size = path.stat().st_size
        is_small = read + size <= MAX_BYTES
        read += size if is_small else 0
        digest.update(f"{path.name} ".encode())
        digest.update(_content(path) if is_small else repr(path.stat()[6:9:2]).encode())
    return digest.hexdigest()


def _parts(node: Any) -> Iterable[Any]:
    """A node, or the sources that it is made of: some may be Python's own beside files."""
    sources = node.get("sources") if isinstance(node, dict) else None
    return sources.values() if isinstance(sources, dict) and sources else [node]


def _read_by(node: Any) -> Iterable[Path]:
    """Files that a node names, or nodes in it."""
    if not isinstance(node, dict):
        return
    for key in (*PATHS["data"], "train", "val", "test"):
        value = node.get(key) if key != "root" else _own_folder(node)
        for pattern in value if isinstance(value, list) else [value]:
            yield from _files(pattern) if isinstance(pattern, str) else ()
    for inner in node.values():
        yield from _read_by(inner)


def _own_folder(node: dict[str, Any]) -> str | None:
    """That of one data set, below its root or the root itself (`gpt_exp/data/record_files.py`)."""
    root, folder = node.get("root"), node.get("folder")
    return str(inside(root, folder)) if isinstance(root, str) and isinstance(folder, str) else None


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _files(pattern: str) -> Iterable[Path]:
    found = [Path(each) for each in glob(str(Path(pattern).expanduser()), recursive=True)]  # noqa: PTH207
    below = [file for path in found if path.is_dir() for file in path.rglob("*")]
    return [path for path in (*found, *below) if path.is_file()]
