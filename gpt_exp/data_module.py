"""Which examples each device reads at each step, by arithmetic alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader, Dataset, Sampler

from gpt_exp.growth.phases import Phases
from gpt_exp.interfaces import IGNORE_INDEX, Batch, Example, Examples, FiniteExamples


class Splits(Protocol):
    """Examples by split (`gpt_exp/corpus/text_splits.py`, `record_splits.py`)."""

    parts: tuple[str, ...]

    def training(self) -> Examples: ...
    def evaluation(self, part: str) -> FiniteExamples: ...


class GlobalBatches(Sampler[list[int]]):
    """This device's micro-batches of step 0, 1, 2 ..., without end.

    Step s reads the `batch_sizes.at(s)` examples after those of all earlier steps, whatever the number of
    devices, of micro-batches and of workers.
    """

    def __init__(
        self,
        *,
        batch_sizes: Phases,
        accumulate: int = 1,
        rank: int = 0,
        world_size: int = 1,
        first_step: int = 0,
        repeat_steps: int | None = None,
    ) -> None:
        for batch_size in batch_sizes.values:
            if batch_size % (accumulate * world_size):
                raise ValueError(
                    f"batch_size={batch_size} is not divisible by {world_size} devices x "
                    f"{accumulate} accumulated micro-batches"
                )
        self.batch_sizes, self.accumulate = batch_sizes, accumulate
        self.rank, self.world_size = rank, world_size
        self.first_step = first_step
        self.num_repeated = batch_sizes.before(repeat_steps) if repeat_steps else None  # Examples.

    def __iter__(self) -> Iterator[list[int]]:
        step, start = self.first_step, self.batch_sizes.before(self.first_step)
        while True:
            batch_size = self.batch_sizes.at(step)
            size = batch_size // (self.accumulate * self.world_size)
            for micro in range(self.accumulate):
                first = start + (micro * self.world_size + self.rank) * size
                numbers = range(first, first + size)
                yield [n % self.num_repeated for n in numbers] if self.num_repeated else list(numbers)
            step, start = step + 1, start + batch_size


class _MapStyle(Dataset[Example]):
    def __init__(self, examples: Examples) -> None:
        self.examples = examples

    def __getitem__(self, index: int) -> Example:
        return self.examples[index]


class Share(Dataset[Example]):
    """One device's share of a finite set, filled up so that all devices have the same number of batches."""

    def __init__(
        self,
        examples: FiniteExamples,
        *,
        rank: int,
        world_size: int,
        batch_size: int,
        limit: int | None = None,
    ) -> None:
        self.examples, self.rank, self.world_size = examples, rank, world_size
        self.num_examples = len(examples) if limit is None else min(limit, len(examples))
        filled = -(-self.num_examples // (batch_size * world_size)) * batch_size
        self.per_device = filled if world_size > 1 else self.num_examples

    def __len__(self) -> int:
        return self.per_device

    def __getitem__(self, index: int) -> Example:
        number = index * self.world_size + self.rank
        if number >= self.num_examples:
            return _blank(self.examples[0])
        # A part of the set is spread over the whole of it: neighbours are alike.
        return self.examples[number * len(self.examples) // self.num_examples]


def _blank(example: Example) -> Example:
    return example._replace(tokens=np.full_like(example.tokens, IGNORE_INDEX))


class DataModule(LightningDataModule):
    """Batches of prepared splits for the trainer it is attached to."""

    def __init__(
        self,
        *,
        splits: Splits,
        collate: Callable[[Sequence[Example]], Batch | Mapping[str, Batch]],
        batch_sizes: Phases,
        num_workers: int,
        repeat_steps: int | None = None,
    ) -> None:
        super().__init__()
        self.splits, self.collate, self.batch_sizes = splits, collate, batch_sizes
        self.batch_size = batch_sizes.last  # Of evaluations: the largest that training needs memory for.
        self.num_workers, self.repeat_steps = num_workers, repeat_steps

    def train_dataloader(self) -> DataLoader[Example]:
        trainer = self.trainer
        assert trainer is not None
        batches = GlobalBatches(
            batch_sizes=self.batch_sizes,
            accumulate=trainer.accumulate_grad_batches,
            rank=trainer.global_rank,
            world_size=trainer.world_size,
            first_step=trainer.global_step,
            repeat_steps=self.repeat_steps,
        )
        return self._loader(_MapStyle(self.splits.training()), batch_sampler=batches)

    def val_dataloader(self) -> DataLoader[Example] | list[DataLoader[Example]]:
        trainer = self.trainer
        assert trainer is not None
        batch_size = self.batch_size // (trainer.accumulate_grad_batches * trainer.world_size)
        limit = trainer.limit_val_batches
        loaders = [
            self.evaluation_dataloader(
                part,
                batch_size=batch_size,
                rank=trainer.global_rank,
                world_size=trainer.world_size,
                limit=limit * batch_size * trainer.world_size if isinstance(limit, int) else None,
            )
            for part in self.splits.parts
            if part.rpartition(".")[2] == "val"  # Of several tasks each has one.
        ]
        return loaders[0] if len(loaders) == 1 else loaders

    def evaluation_dataloader(
        self,
        split: str,
        *,
        batch_size: int,
        rank: int = 0,
        world_size: int = 1,
        limit: int | None = None,
    ) -> DataLoader[Example]:
        """All of a split once, or `limit` examples spread over it."""
        examples = self.splits.evaluation(split)
        share = Share(examples, rank=rank, world_size=world_size, batch_size=batch_size, limit=limit)
        return self._loader(share, batch_size=batch_size)

    def _loader(self, dataset: Dataset[Example], **batches: object) -> DataLoader[Example]:
        return DataLoader(
            dataset,
            collate_fn=self.collate,
            num_workers=self.num_workers,
            pin_memory=torch.cuda.is_available(),
            **batches,  # type: ignore[arg-type]
        )
