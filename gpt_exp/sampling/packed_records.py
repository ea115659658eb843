"""Several records in one sequence, none of which sees another: no padding, whatever the lengths."""

from __future__ import annotations

import numpy as np

from gpt_exp.interfaces import IGNORE_INDEX, EncodedRecords, Example
from gpt_exp.sampling.sorted import Sorted


class PackedRecords:
    """Training: records packed once into sequences of `context_length`, which are shuffled each epoch."""

    def training_records(
        self, records: EncodedRecords, *, context_length: int, batch_size: int, seed: int
    ) -> ShuffledPacks:
        return ShuffledPacks(records, context_length, seed)

    def evaluation_records(self, records: EncodedRecords) -> Sorted:
        return Sorted(records)


class ShuffledPacks:
    """Example i is pack number i % num_packs in the order of epoch i // num_packs."""

    def __init__(self, records: EncodedRecords, context_length: int, seed: int) -> None:
        self._records, self._context_length, self._seed = records, context_length, seed
        order = np.random.Generator(np.random.PCG64(seed)).permutation(len(records))
        # A record takes one place more than it has predictions: its last token is only a target.
        self._packs = best_fit(records.lengths + 1, order, context_length + 1)
        self._orders: dict[int, np.ndarray] = {}

    @property
    def num_packs(self) -> int:
        return len(self._packs)

    def __getitem__(self, index: int) -> Example:
        epoch, position = divmod(index, self.num_packs)
        pack = self._packs[self._order(epoch)[position]]
        return join([self._records.example(i, epoch=epoch) for i in pack], self._context_length)

    def _order(self, epoch: int) -> np.ndarray:
        if epoch not in self._orders:
            generator = np.random.Generator(np.random.PCG64([self._seed, epoch]))
            self._orders = {epoch: generator.permutation(self.num_packs)}
        return self._orders[epoch]


def best_fit(sizes: np.ndarray, order: np.ndarray, capacity: int) -> list[list[int]]:
    """Best-fit decreasing: the largest item first, each into the fullest pack that has room for it.

    Items of one size come in the given order. Packs by their room make it fast: O(items * capacity).
    """
    by_room: list[list[int]] = [[] for _ in range(capacity + 1)]  # Numbers of packs with that much room.
    packs: list[list[int]] = []
    for item in order[np.argsort(-sizes[order], kind="stable")]:
        size = min(int(sizes[item]), capacity)
        room = next((room for room in range(size, capacity + 1) if by_room[room]), None)
        if room is None:
            packs.append([])
            by_room[capacity].append(len(packs) - 1)
            room = capacity
        number = by_room[room].pop()
        packs[number].append(int(item))
        by_room[room - size].append(number)
    return packs


def join(examples: list[Example], context_length: int) -> Example:
    """One sequence of `context_length + 1` tokens: examples with documents of their own, then padding.

    What augmentation has made too long is cut off at the end.
    """
    tokens = np.full(context_length + 1, IGNORE_INDEX, dtype=np.int64)
    documents = np.zeros(context_length, dtype=np.int64)
    is_target = np.zeros(context_length, dtype=bool)
    start = 0
    for number, example in enumerate(examples, start=1):
        if example.extras is not None:
            raise ValueError("sampling=packed_records joins sequences alone: take sampling=length_buckets")
        end = min(start + len(example.tokens), context_length + 1)
        tokens[start:end] = example.tokens[: end - start]
        documents[start:end] = number
        targets = np.ones(end - start - 1, bool) if example.is_target is None else example.is_target
        is_target[start : end - 1] = targets[: end - start - 1]
        start = end
    return Example(tokens, documents, is_target)
