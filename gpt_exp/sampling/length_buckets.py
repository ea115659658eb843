"""Records of like length in one batch: hardly any padding, and nothing to mask."""

from __future__ import annotations

import numpy as np

from gpt_exp.interfaces import EncodedRecords, Example
from gpt_exp.sampling.sorted import Sorted


class LengthBuckets:
    """Training: each record once an epoch, in batches of like length. Evaluation: by length.

    A shuffled epoch is cut into pools of `pool_batches` batches; within a pool batches are made by length,
    and then all are shuffled. What is left over, less than a batch and drawn anew each time, waits.
    """

    def __init__(self, *, pool_batches: int = 50) -> None:
        if pool_batches < 1:
            raise ValueError(f"sampling.pool_batches={pool_batches} must be at least 1")
        self.pool_batches = pool_batches

    def training_records(
        self, records: EncodedRecords, *, context_length: int, batch_size: int, seed: int
    ) -> BucketedRecords:
        return BucketedRecords(records, batch_size, self.pool_batches, seed)

    def evaluation_records(self, records: EncodedRecords) -> Sorted:
        return Sorted(records)


class BucketedRecords:
    """Example i belongs to batch i // batch_size; the order of an epoch is a function of (seed, epoch)."""

    def __init__(self, records: EncodedRecords, batch_size: int, pool_batches: int, seed: int) -> None:
        self._records, self._batch_size, self._seed = records, batch_size, seed
        self._pool_size = pool_batches * batch_size
        self.num_batches = max(1, len(records) // batch_size)  # Of an epoch.
        self.tokens_per_example = float(records.lengths.mean())
        self._epochs: dict[int, np.ndarray] = {}

    def __getitem__(self, index: int) -> Example:
        epoch, position = divmod(index, self.num_batches * self._batch_size)
        return self._records.example(int(self._order(epoch)[position]), epoch=epoch)

    def _order(self, epoch: int) -> np.ndarray:
        if epoch not in self._epochs:
            self._epochs = dict([*self._epochs.items(), (epoch, self._make_order(epoch))][-2:])
        return self._epochs[epoch]

    def _make_order(self, epoch: int) -> np.ndarray:
        generator = np.random.Generator(np.random.PCG64([self._seed, epoch]))
        size = self.num_batches * self._batch_size
        shuffled = np.resize(generator.permutation(len(self._records)), size)  # Repeats fewer than a batch.
        pools = [shuffled[i : i + self._pool_size] for i in range(0, size, self._pool_size)]
        by_length = [pool[np.argsort(self._records.lengths[pool], kind="stable")] for pool in pools]
        batches = np.concatenate(by_length).reshape(self.num_batches, self._batch_size)
        return batches[generator.permutation(self.num_batches)].reshape(-1)
