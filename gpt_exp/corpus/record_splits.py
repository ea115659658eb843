"""The examples of a task's records: encoded by the task, augmented in training alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import numpy as np

from gpt_exp.interfaces import Augmentation, Example, Examples, FiniteExamples, Record, RecordSampling

Encode = Callable[[Record], Example]


class Encoded:
    """A split's examples, kept once they are made; augmented ones are made anew for each epoch.

    What an augmentation draws is a function of (seed, epoch, number of the record).
    """

    def __init__(
        self,
        records: Sequence[Record],
        encode: Encode,
        *,
        seed: int = 0,
        augmentations: Sequence[Augmentation] = (),
    ) -> None:
        self._records, self._encode = records, encode
        self._seed, self._augmentations = seed, augmentations
        self._examples: list[Example | None] = [None] * len(records)

    def __len__(self) -> int:
        return len(self._records)

    @cached_property
    def lengths(self) -> np.ndarray:
        """Tokens that the model reads of each record, before augmentation, `(records,)`."""
        return np.array([len(self._plain(i).tokens) - 1 for i in range(len(self))])

    def example(self, index: int, *, epoch: int) -> Example:
        """A record as it is learnt in this epoch."""
        if not self._augmentations:
            return self._plain(index)
        random = np.random.Generator(np.random.PCG64([self._seed, epoch, index]))
        record = self._records[index]
        for augment in self._augmentations:
            record = augment(record, random)
        return self._encode(record)

    def _plain(self, index: int) -> Example:
        example = self._examples[index]
        if example is None:
            example = self._examples[index] = self._encode(self._records[index])
        return example


class RecordSplits:
    """Records by split, through a task's encoding and a sampling. Raises ValueError where nothing trains."""

    def __init__(
        self,
        records: Mapping[str, Sequence[Record]],
        encode: Encode,
        sampling: RecordSampling,
        *,
        context_length: int,
        batch_size: int,
        seed: int,
        augmentations: Sequence[Augmentation] = (),
    ) -> None:
        if not records.get("train"):
            raise ValueError("the data have no training records")
        self.records, self.parts = records, tuple(records)
        self._encode, self._sampling = encode, sampling
        self._context_length, self._batch_size, self._seed = context_length, batch_size, seed
        self._training = Encoded(records["train"], encode, seed=seed, augmentations=augmentations)

    @property
    def tokens_per_example(self) -> float:
        """On average, in training."""
        return float(self._training.lengths.mean())

    def training(self) -> Examples:
        return self._sampling.training_records(
            self._training,
            context_length=self._context_length,
            batch_size=self._batch_size,
            seed=self._seed,
        )

    def evaluation(self, part: str) -> FiniteExamples:
        return self._sampling.evaluation_records(Encoded(self.records[part], self._encode))
