"""The examples of a task's records: encoded by the task, augmented in training alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import numpy as np

from gpt_exp.corpus.progress import progress
from gpt_exp.interfaces import (
    Augmentation,
    Example,
    FiniteExamples,
    Record,
    RecordExamples,
    RecordSampling,
)

Encode = Callable[[Record], Example]
ENCODED_AT_ONCE = 256  # Between two looks at the clock.


class Encoded:
    """A split's examples: kept once they are made, or where they are augmented made anew for each epoch.

    What an augmentation draws is a function of (seed, epoch, number of the record).
    """

    def __init__(
        self,
        records: Sequence[Record],
        encode: Encode,
        *,
        seed: int = 0,
        augmentations: Sequence[Augmentation] = (),
        show_progress: bool = False,
    ) -> None:
        self._records, self._encode = records, encode
        self._seed, self._augmentations = seed, augmentations
        self._show_progress = show_progress
        self._examples: list[Example | None] = [None] * len(records)

    def __len__(self) -> int:
        return len(self._records)

    @cached_property
    def lengths(self) -> np.ndarray:
        """Tokens that the model reads of each record, before augmentation, `(records,)`."""
        lengths = np.empty(len(self), dtype=np.int64)
        watched = progress("encoding", total=len(self), show=self._show_progress, unit="records")
        with watched as advance:
            for index in range(len(self)):
                lengths[index] = len(self._plain(index).tokens) - 1
                if index % ENCODED_AT_ONCE == 0:
                    advance(min(ENCODED_AT_ONCE, len(self) - index))
        return lengths

    def example(self, index: int, *, epoch: int | None) -> Example:
        """A record as it is learnt in this epoch; None: as it is."""
        if epoch is None or not self._augmentations:
            return self._plain(index)
        random = np.random.Generator(np.random.PCG64([self._seed, epoch, index]))
        record = self._records[index]
        for augment in self._augmentations:
            record = augment(record, random)
        return self._encode(record)

    def _plain(self, index: int) -> Example:
        example = self._examples[index] or self._encode(self._records[index])
        if not self._augmentations:
            self._examples[index] = example
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
        self._training = Encoded(
            records["train"], encode, seed=seed, augmentations=augmentations, show_progress=True
        )

    @property
    def tokens_per_example(self) -> float:
        """On average, in training."""
        return self._examples.tokens_per_example

    @property
    def examples_per_epoch(self) -> float:
        """Training examples that hold each record once."""
        return float(self._training.lengths.sum()) / self.tokens_per_example

    def targets_per_example(self, num_targets: Callable[[Example], int]) -> float:
        """On average, in training, before augmentation. Raises ValueError where there are none at all."""
        total = sum(num_targets(self._training.example(i, epoch=None)) for i in range(len(self._training)))
        if total == 0:
            raise ValueError("the training records have no targets")
        return total / self.examples_per_epoch

    @cached_property
    def _examples(self) -> RecordExamples:
        return self._sampling.training_records(
            self._training,
            context_length=self._context_length,
            batch_size=self._batch_size,
            seed=self._seed,
        )

    def training(self) -> RecordExamples:
        return self._examples

    def evaluation(self, part: str) -> FiniteExamples:
        return self._sampling.evaluation_records(Encoded(self.records[part], self._encode))
