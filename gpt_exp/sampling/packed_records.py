"""Several records in one sequence, none of which sees another: no padding, whatever the lengths."""

from __future__ import annotations

from bisect import bisect_left, insort

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
    """Example i is pack number i % num_packs in the order of epoch i // num_packs.

    Where augmentation makes more tokens than a pack has room for, records stay as they are: none is cut off.
    """

    def __init__(self, records: EncodedRecords, context_length: int, seed: int) -> None:
        self._records, self._context_length, self._seed = records, context_length, seed
        order = np.random.Generator(np.random.PCG64(seed)).permutation(len(records))
        # A record takes one place more than it has predictions: its last token is only a target.
        self._sizes = records.lengths + 1
        self._packs = best_fit(self._sizes, order, context_length + 1)
        self.tokens_per_example = float(records.lengths.sum() / len(self._packs))
        self._orders: dict[int, np.ndarray] = {}

    @property
    def num_packs(self) -> int:
        return len(self._packs)

    def __getitem__(self, index: int) -> Example:
        epoch, position = divmod(index, self.num_packs)
        pack = self._packs[self._order(epoch)[position]]
        return join(self._examples(pack, epoch), self._context_length)

    def _examples(self, pack: list[int], epoch: int) -> list[Example]:
        room = self._context_length + 1 - int(self._sizes[pack].sum())
        examples = []
        for i in pack:
            example = self._records.example(i, epoch=epoch)
            if len(example.tokens) - self._sizes[i] > room:
                example = self._records.example(i, epoch=None)
            room -= len(example.tokens) - int(self._sizes[i])
            examples.append(example)
        return examples

    def _order(self, epoch: int) -> np.ndarray:
        if epoch not in self._orders:
            generator = np.random.Generator(np.random.PCG64([self._seed, epoch]))
            self._orders = {epoch: generator.permutation(self.num_packs)}
        return self._orders[epoch]


def best_fit(sizes: np.ndarray, order: np.ndarray, capacity: int) -> list[list[int]]:
    """Best-fit decreasing: the largest item first, each into the fullest pack that has room for it.

    Items of one size come in the given order.
    """
    by_room: list[list[int]] = [[] for _ in range(capacity + 1)]  # Numbers of packs with that much room.
    rooms: list[int] = []  # Those that some pack has, sorted.
    packs: list[list[int]] = []
    for item in order[np.argsort(-sizes[order], kind="stable")]:
        size = int(sizes[item])
        at = bisect_left(rooms, size)
        if at == len(rooms):
            packs.append([])
            number, room = len(packs) - 1, capacity
        else:
            room = rooms[at]
            number = by_room[room].pop()
            if not by_room[room]:
                del rooms[at]
        packs[number].append(int(item))
        if not by_room[room - size]:
            insort(rooms, room - size)
        by_room[room - size].append(number)
    return packs


def join(examples: list[Example], context_length: int) -> Example:
    """One sequence of `context_length + 1` tokens: examples with documents of their own, then padding."""
    tokens = np.full(context_length + 1, IGNORE_INDEX, dtype=np.int64)
    documents = np.zeros(context_length, dtype=np.int64)
    is_target = np.zeros(context_length, dtype=bool)
    start = 0
    for number, example in enumerate(examples, start=1):
        if example.extras is not None:
            raise ValueError("sampling=packed_records joins sequences alone: take sampling=length_buckets")
        end = start + len(example.tokens)
        tokens[start:end] = example.tokens
        documents[start:end] = number
        is_target[start : end - 1] = True if example.is_target is None else example.is_target
        start = end
    return Example(tokens, documents, is_target)
