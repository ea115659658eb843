"""Several tasks at once: one model, each task's own records, heads and metric."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from gpt_exp.corpus.record_splits import RecordSplits
from gpt_exp.interfaces import (
    Adapting,
    AdaptiveMixture,
    Batch,
    Decoding,
    Goal,
    Loss,
    Mixture,
    Model,
    NormBalancing,
    PredictionMetric,
)
from gpt_exp.mixture.mixed_splits import BETWEEN, MixedSplits
from gpt_exp.module.answers import judge, spread
from gpt_exp.module.base import LanguageModule
from gpt_exp.module.embedding_noise import add_noise
from gpt_exp.module.gradient_steps import GradientSteps
from gpt_exp.task.several import Several, TaskModel
from gpt_exp.task.token_loss import TokenLoss


class MultiTask(LanguageModule):
    """Trains on several tasks' records; validates each task's loss and metric, and their common score.

    What is minimised is the weighted sum of the tasks' mean losses over a step: a task's sum over its
    targets, divided by how many the step has of them on average (`MixedSplits.expected_targets`). So
    gradients do not depend on how a step falls into micro-batches and devices, and a task's share of the
    examples says how exactly its gradient is known, not how much it counts. A `balance` weighs the losses
    once more. `num_predicted` validation records of each task are answered at each validation. `unit` "step"
    gives each step to one task. `noise` is NEFTune's alpha (Jain et al. 2023, arXiv:2310.05914).

    Each n-th step tells the cosines of the tasks' unweighted gradients, `cosine_every_n_steps`, whether or
    not the rest of it is logged; a pair of which one has no gradient in the step is left out.
    """

    weights: Tensor

    def __init__(
        self,
        *,
        model: Model,
        task: Several,
        splits: Mapping[str, RecordSplits],
        mixture: Mixture,
        weights: Mapping[str, float],
        balance: Any = None,
        decoding: Mapping[str, Decoding],
        batch_size: int,
        repeat_steps: int | None = None,
        unit: Literal["example", "step"] = "example",
        num_predicted: int = 200,
        noise: float = 0.0,
        cosine_every_n_steps: int | None = None,
        **base: Any,
    ) -> None:
        mixed = MixedSplits(
            splits,
            mixture,
            targets_per_example={
                name: splits[name].targets_per_example(each.num_targets) for name, each in task.tasks.items()
            },
            batch_size=batch_size,
            unit=unit,
            repeat_steps=repeat_steps,
        )
        super().__init__(model=model, tokens_per_example=mixed.tokens_per_example, **base)
        self.mixed, self.splits = mixed, splits
        self.task, self.names, self.decoding = task, tuple(task.tasks), decoding
        self.prediction_batch_size = batch_size
        self.validated = [name for name in self.names if f"{name}{BETWEEN}val" in self.mixed.parts]
        self.predicted = {name: spread(splits[name].records["val"], num_predicted) for name in self.validated}
        self.register_buffer(
            "weights", torch.tensor([float(weights[n]) for n in self.names]), persistent=False
        )
        metrics: dict[str, Any] = {name: task.tasks[name].metric() for name in self.validated}
        self.best_of = {name: goal(name, metrics[name] if num_predicted else None) for name in self.validated}
        self.balance = balance
        self.gradients = GradientSteps(balance, self.names, model, cosine_every_n_steps=cosine_every_n_steps)
        self.losses: Any = nn.ModuleDict({name: TokenLoss() for name in self.validated})
        self.predictions: Any = nn.ModuleDict(metrics)
        if noise:
            add_noise(self.model, noise)

    # Training

    def compute_loss(self, batch: Mapping[str, Batch]) -> Loss:
        """Sums and numbers of targets by task, `(tasks,)`; 0 for those that the batch has nothing of."""
        found = {name: self.task.tasks[name].loss(self._seen_by(name), own) for name, own in batch.items()}
        if self.gradients.is_open:
            self.gradients.take(self._mean_losses(found))
        none = Loss(
            torch.zeros((), device=self.device), torch.zeros((), dtype=torch.long, device=self.device)
        )
        losses = [found.get(name, none) for name in self.names]
        return Loss(
            torch.stack([loss.total for loss in losses]), torch.stack([loss.num_targets for loss in losses])
        )

    def _mean_losses(self, found: Mapping[str, Loss]) -> dict[int, Tensor]:
        """What a micro-batch adds to those of the tasks that it has examples of, by their places."""
        divisors = self._divisors(self.trainer.global_step)
        places = {name: place for place, name in enumerate(self.names)}
        return {places[name]: loss.total / divisors[places[name]] for name, loss in found.items()}

    def _seen_by(self, name: str) -> TaskModel:
        return TaskModel(self.model, name)

    def objective(self, loss: Loss) -> Tensor:
        divisors = loss.total.new_tensor(self._divisors(self.trainer.global_step))
        return self._micro_batches * self._weighted(loss.total / divisors)

    def _weighted(self, losses: Tensor) -> Tensor:
        losses = self.weights * losses
        return losses.sum() if self.balance is None else self.balance.loss(losses)

    def _divisors(self, step: int) -> np.ndarray:
        expected = self.mixed.expected_targets(step)
        return np.where(expected > 0, expected, 1.0)

    def _loss_metrics(self, step: int) -> dict[str, float]:
        """All tasks' weighted sum; of each its own mean, and how much was read of it.

        Means are over the step's own targets, as those of validation are: a step of long sequences, which
        weighs more in what is minimised, does not look worse than one of short ones. A task that the step has
        nothing of adds nothing to the sum.
        """
        loss, known = self._step_loss(), {}
        seen, epochs = self.mixed.num_seen(step), self.mixed.num_epochs(step)
        for place, name in enumerate(self.names):
            if loss.num_targets[place]:
                known[f"train/{name}/loss"] = float(loss.total[place] / loss.num_targets[place])
            if isinstance(self.balance, Adapting | NormBalancing):
                known[f"train/{name}/weight"] = self.balance.weights()[name]
            known[f"train/{name}/examples"] = float(seen[place])
            known[f"train/{name}/epochs"] = float(epochs[place])
        means = loss.total / loss.num_targets.clamp(min=1)
        return {"train/loss": float(self._weighted(means)), **known}

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Let a balancing learn from the step's mean losses, after they were told as it had weighed them."""
        ended = (batch_idx + 1) % self.trainer.accumulate_grad_batches == 0
        learns = isinstance(self.balance, Adapting | NormBalancing)
        loss = self._step_loss() if ended and learns else None
        super().on_train_batch_end(outputs, batch, batch_idx)
        if loss is not None:
            self._teach((loss.total / loss.num_targets).float())
        if ended and self.gradients.cosines:
            self.report(self.gradients.cosines)

    def _teach(self, losses: Tensor) -> None:
        """Tell the step's mean losses `(tasks,)`; a task without targets in it has no norm, too."""
        if isinstance(self.balance, Adapting):
            self.balance.after_step(losses)
        if isinstance(self.balance, NormBalancing):
            assert self.gradients.norms is not None
            self.balance.after_norms(losses, torch.where(losses.isnan(), losses, self.gradients.norms))

    # Each task's own gradient, in the steps that need it; all others go as they always do

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        super().on_train_batch_start(batch, batch_idx)
        if batch_idx % self.trainer.accumulate_grad_batches == 0:
            model = self.trainer.strategy.model
            assert model is not None
            self.gradients.begin(self.trainer.global_step, model, self.still)

    def backward(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        if self.gradients.is_open:
            self.gradients.backward()
        else:
            super().backward(loss, *args, **kwargs)

    def configure_gradient_clipping(self, optimizer: Any, *limits: Any, **named: Any) -> None:
        step, strategy = self.trainer.global_step, self.trainer.strategy
        self.gradients.end(step, strategy, weights=self.weights, seed=self.seed)
        super().configure_gradient_clipping(optimizer, *limits, **named)

    # Validation

    def validation_step(self, batch: Mapping[str, Batch], batch_idx: int, dataloader_idx: int = 0) -> None:
        for name, own in batch.items():
            self.losses[name].update(self.task.tasks[name].loss(self._seen_by(name), own))

    def on_validation_epoch_end(self) -> None:
        found = {name: self._judge(name) | self.losses[name].compute() for name in self.validated}
        told = {f"val/{name}/{key}": float(v) for name, own in found.items() for key, v in own.items()}
        losses = np.array([told.get(f"val/{name}/loss", np.nan) for name in self.names])
        scores = [
            normalised(self.predictions[name], float(own[self.predictions[name].main]))
            for name, own in found.items()
            if self.predicted[name]
        ]
        if self.validated:
            told["val/loss"] = float(np.nansum(self.weights.cpu().numpy() * losses))
        if scores:
            told["val/score"] = float(np.mean(scores))
        for metric in (*self.losses.values(), *self.predictions.values()):
            metric.reset()
        self._adapt(losses)
        self.report(told)

    def _judge(self, name: str) -> dict[str, Any]:
        return judge(
            self,
            self.task.tasks[name],
            self._seen_by(name),
            self.predicted[name],
            decoding=self.decoding[name],
            metric=self.predictions[name],
            batch_size=self.prediction_batch_size,
        )

    def _adapt(self, losses: np.ndarray) -> None:
        """From the step after next: the next one's first batch was read before this validation."""
        if isinstance(self.mixed.mixture, AdaptiveMixture):
            self.mixed.mixture.adapt(self.trainer.global_step + 1, losses)

    # Checkpoints

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        if isinstance(self.mixed.mixture, AdaptiveMixture):
            checkpoint["mixture"] = self.mixed.mixture.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        if isinstance(self.mixed.mixture, AdaptiveMixture):
            self.mixed.mixture.load_state_dict(checkpoint["mixture"])


def goal(name: str, metric: PredictionMetric | None) -> Goal:
    """What a task's best checkpoint is chosen by: its main figure, or its loss where nothing is predicted."""
    if metric is None:
        return Goal(f"val/{name}/loss")
    return Goal(f"val/{name}/{metric.main}", "max" if metric.higher_is_better else "min")


def normalised(metric: PredictionMetric, value: float) -> float:
    """A metric's main figure from 0 to 1, where all is right; 0 where it is not a number.

    A figure of which more is better, by its best value: accuracy as it is, a hundredth of BLEU. One of which
    less is better, upside down: 1 / perplexity.
    """
    if not np.isfinite(value):
        return 0.0
    return value / metric.best if metric.higher_is_better else metric.best / max(value, metric.best)
