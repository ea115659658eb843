"""The examples of several tasks in one order, in which every mixture is kept exactly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from gpt_exp.interfaces import Example, Examples, FiniteExamples, Mixture
from gpt_exp.mixture.quotas import Quotas

BETWEEN = "."  # Part "val" of the task "translation" is "translation.val".
UNITS = ("example", "step")


class TaskSplits(Protocol):
    """One task's examples by split (`gpt_exp/corpus/record_splits.py`)."""

    parts: tuple[str, ...]

    @property
    def tokens_per_example(self) -> float: ...
    @property
    def examples_per_epoch(self) -> float: ...
    def training(self) -> Examples: ...
    def evaluation(self, part: str) -> FiniteExamples: ...


class Place(NamedTuple):
    """Where an example stands among those of its task."""

    task: int
    number: int


class MixedSplits:
    """Splits of several tasks as those of one: "train" holds all, and each task has its other parts.

    Training example n is a function of the mixture and n alone: number n % batch_size of step
    n // batch_size, and so many of its task as `Quotas` gives it come before. With unit "step" each step is
    of one task. `targets_per_example` are the tasks' means in training. ValueError for another unit.
    """

    def __init__(
        self,
        splits: Mapping[str, TaskSplits],
        mixture: Mixture,
        *,
        targets_per_example: Mapping[str, float],
        batch_size: int,
        unit: str = "example",
        repeat_steps: int | None = None,
    ) -> None:
        if unit not in UNITS:
            raise ValueError(f"module.unit={unit!r} must be one of {', '.join(UNITS)}")
        self.splits, self.mixture, self.names = dict(splits), mixture, tuple(splits)
        self.batch_size, self.repeat_steps = batch_size, repeat_steps
        self.per_slot = 1 if unit == "example" else batch_size
        self.quotas = Quotas(mixture.shares, batch_size // self.per_slot)
        self._targets = np.array([targets_per_example[name] for name in splits])
        own = [f"{name}{BETWEEN}{part}" for name, each in splits.items() for part in each.parts]
        self.parts = ("train", *(part for part in own if not part.endswith(f"{BETWEEN}train")))

    @property
    def tokens_per_example(self) -> float:
        """On average, as the mixture begins."""
        each = np.array([splits.tokens_per_example for splits in self.splits.values()])
        return float(self.mixture.shares(0) @ each)

    def training(self) -> Mixed:
        return Mixed(self)

    def evaluation(self, part: str) -> OfTask:
        name, _, own = part.partition(BETWEEN)
        return OfTask(name, self.splits[name].evaluation(own))

    def place(self, index: int) -> Place:
        """Of training example `index`."""
        step, within_step = divmod(index, self.batch_size)
        slot, within_slot = divmod(within_step, self.per_slot)
        order = self.quotas.order(step)
        task = int(order[slot])
        before = int(self.quotas.before(step)[task]) + int((order[:slot] == task).sum())
        return Place(task, before * self.per_slot + within_slot)

    def expected_targets(self, step: int) -> np.ndarray:
        """How many targets of each task a step has on average, `(tasks,)`: of its examples, times their mean.

        What a step's losses are divided by: known before it, however it falls into micro-batches and devices.
        """
        read = step % self.repeat_steps if self.repeat_steps else step
        return self.quotas.counts(read) * self.per_slot * self._targets

    def num_seen(self, step: int) -> np.ndarray:
        """Examples of each task in all steps before this one, `(tasks,)`."""
        rounds, rest = divmod(step, self.repeat_steps) if self.repeat_steps else (0, step)
        repeated = rounds * self.quotas.before(self.repeat_steps) if self.repeat_steps else 0
        return (repeated + self.quotas.before(rest)) * self.per_slot

    def num_epochs(self, step: int) -> np.ndarray:
        """How often each task's training records were read in all steps before this one, `(tasks,)`."""
        return self.num_seen(step) / np.array([each.examples_per_epoch for each in self.splits.values()])


class Mixed:
    """Training examples with the names of their tasks."""

    def __init__(self, mixed: MixedSplits) -> None:
        self._mixed = mixed
        self._examples: list[Any] = [each.training() for each in mixed.splits.values()]

    def __getitem__(self, index: int) -> Example:
        task, number = self._mixed.place(index)
        return self._examples[task][number]._replace(task=self._mixed.names[task])


class OfTask:
    """A split's examples with the name of their task."""

    def __init__(self, name: str, examples: FiniteExamples) -> None:
        self._name, self._examples = name, examples

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, index: int) -> Example:
        return self._examples[index]._replace(task=self._name)
