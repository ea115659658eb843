"""Parallel text: two files, a sentence a line, line by line each other's translation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gpt_exp.data import files, record_files
from gpt_exp.data.record_source import Parts, RecordSource
from gpt_exp.interfaces import Record


class ParallelText(RecordSource):
    """Records {source, target} of `root/SPLIT.LANGUAGE`, also gzipped; pairs with an empty side are left out.

    `splits` gives the name that the files have for each split.
    """

    def __init__(
        self,
        *,
        root: str,
        splits: Mapping[str, str],
        source: str = "en",
        target: str = "de",
        folder: str | None = None,
    ) -> None:
        base = record_files.inside(root, folder)
        named = {
            split: [_name(base, f"{name}.{language}") for language in (source, target)]
            for split, name in splits.items()
        }
        self._files = {split: _both(split, pair, root, folder) for split, pair in named.items()}

    def _read(self) -> Parts:
        """Raises ValueError where two files differ in length."""
        return {split: _pairs(*pair) for split, pair in self._files.items()}


def _name(base: Path, name: str) -> str:
    return f"{name}.gz" if (base / f"{name}.gz").exists() and not (base / name).exists() else name


def _both(split: str, names: list[str], root: str, folder: str | None) -> list[Path]:
    return [record_files.find({split: name}, root=root, folder=folder)[split][0] for name in names]


def _pairs(source: Path, target: Path) -> list[Record]:
    left, right = _lines(source), _lines(target)
    if len(left) != len(right):
        raise ValueError(
            f"{source} has {len(left)} lines and {target} has {len(right)}: they must be parallel"
        )
    return [{"source": a, "target": b} for a, b in zip(left, right, strict=True) if a and b]


def _lines(path: Path) -> list[str]:
    """Other than `splitlines`, cut at line feeds only: sentences hold all kinds of separators."""
    text = files.read_text(path)
    return [line.strip() for line in text.removesuffix("\n").split("\n")] if text else []
