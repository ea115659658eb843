"""Tokens on disk: a stream as numbered files of little-endian integers, read through memory maps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

SHARD_TOKENS = 100_000_000


class Tokens:
    """A stream of tokens over several files that reads like one array; cheap to send to another process."""

    def __init__(self, files: list[Path], dtype: str) -> None:
        self._files, self._dtype = files, np.dtype(dtype)
        lengths = [file.stat().st_size // self._dtype.itemsize for file in files]
        self._ends = np.cumsum(lengths, dtype=np.int64)
        self._maps: list[np.ndarray] | None = None  # Opened by need, in each process for itself.

    def __len__(self) -> int:
        return int(self._ends[-1]) if self._files else 0

    def __getitem__(self, window: slice) -> np.ndarray:
        """`tokens[start:stop]` as int64, copied out of the files."""
        start, stop, step = window.indices(len(self))
        if step != 1:
            raise ValueError(f"tokens are read in windows of step 1, not {step}")
        parts: list[np.ndarray] = []
        while start < stop:
            shard = int(np.searchsorted(self._ends, start, side="right"))
            begin = self._ends[shard - 1] if shard else 0
            end = min(stop, int(self._ends[shard]))
            parts.append(self._opened()[shard][start - begin : end - begin])
            start = end
        return np.concatenate(parts or [np.empty(0, np.int64)], dtype=np.int64)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_maps": None}

    def _opened(self) -> list[np.ndarray]:
        if self._maps is None:
            self._maps = [np.memmap(file, dtype=self._dtype, mode="r") for file in self._files]
        return self._maps


class ShardWriter:
    """Appends tokens to `NAME-00000.bin`, `NAME-00001.bin`, ..., each of a bounded size."""

    def __init__(self, folder: Path, name: str, *, dtype: str, shard_tokens: int = SHARD_TOKENS) -> None:
        self._folder, self._name = folder, name
        self._dtype, self._shard_tokens = np.dtype(dtype), shard_tokens
        self.num_tokens = 0

    def append(self, tokens: Sequence[int]) -> None:
        array = np.asarray(tokens, dtype=self._dtype)
        while len(array):
            shard, used = divmod(self.num_tokens, self._shard_tokens)
            now, array = np.split(array, [self._shard_tokens - used])
            with (self._folder / f"{self._name}-{shard:05d}.bin").open("ab") as file:
                now.tofile(file)
            self.num_tokens += len(now)


def smallest_dtype(vocab_size: int) -> str:
    """Two bytes a token where they do, else four."""
    return "<u2" if vocab_size <= 2**16 else "<u4"
