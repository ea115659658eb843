"""What every kind of training shares: one loop, its randomness, its log lines, its optimizer."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method
from torch.optim.lr_scheduler import LambdaLR

from gpt_exp.growth.phases import Phases
from gpt_exp.interfaces import Goal, Loss, Model, OptimizerFactory, Schedule, Tokenizer
from gpt_exp.module.peak import peak_flops
from gpt_exp.module.stopwatch import Stopwatch
from gpt_exp.optimizer.build import build_optimizer
from gpt_exp.optimizer.layer_decay import decay_by_layer


class LanguageModule(LightningModule, ABC):
    """Trains a model on batches whose loss a subclass computes.

    Randomness is a function of (seed, step, micro-batch, rank) and the data's position one of the
    step, so a run that is resumed at a step goes on with the same bits as one that never stopped.
    """

    def __init__(
        self,
        *,
        model: Model,
        tokenizer: Tokenizer,
        optimizer: OptimizerFactory,
        schedule: Schedule,
        tokens_per_example: float,
        batch_sizes: Phases,
        context_lengths: Phases,
        seed: int,
        compile: bool,
        saves_frozen: bool = True,
        layer_decay: float = 1.0,
    ) -> None:
        super().__init__()
        self.model: Model = model
        self.tokenizer = tokenizer
        self.optimizer_factory = optimizer
        self.schedule = schedule
        self.tokens_per_example = tokens_per_example
        self.batch_sizes, self.context_lengths = batch_sizes, context_lengths
        self.seed = seed
        self.compile_model = compile
        self.stopwatch = Stopwatch()
        self.layer_decay = layer_decay
        self.still: Sequence[nn.Parameter] = ()  # Weights that a callback lets stand still in this step.
        self.best_of: Mapping[str, Goal] = {}  # By what to keep more than one best checkpoint, by name.
        self.strict_loading = saves_frozen  # Else a checkpoint lacks what `init.run` brings again.
        self._losses: list[Loss] = []  # Of the micro-batches of this step,
        self._summed: Loss | None = None  # and their sum over all devices, where it was asked for.
        self._gradient_norm: Tensor | None = None
        self._learning_rate = 0.0
        self._lap_step = 0
        self._peak: float | None = None

    @abstractmethod
    def compute_loss(self, batch: Any) -> Loss: ...

    # Set up

    def configure_model(self) -> None:
        """Shard block by block where the strategy brings a device mesh (FSDP2); compile in place."""
        if self.device_mesh is not None:
            mesh = self.device_mesh["data_parallel"]
            for block in self.model.blocks:
                fully_shard(block, mesh=mesh)
            fully_shard(self.model, mesh=mesh)
            for method in ("logits", "loss"):
                register_fsdp_forward_method(self.model, method)
        if self.compile_model:
            self.model.compile()

    def configure_optimizers(self) -> Any:
        optimizer = build_optimizer(self.optimizer_factory, self.model)
        decay_by_layer(optimizer, self.model, self.layer_decay)
        if self.trainer.precision == "16-mixed":
            _unfuse(optimizer)
        scheduler = LambdaLR(optimizer, self.schedule)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    # Training

    def on_train_start(self) -> None:
        self._lap_step = self.trainer.global_step
        self._peak = peak_flops(self.device, self.trainer.precision) * self.trainer.world_size
        self.stopwatch.restart()

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        micro = batch_idx % self.trainer.accumulate_grad_batches
        reseed(self.seed, self.trainer.global_step, micro, self.global_rank)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        loss = self.compute_loss(batch)
        self._losses.append(Loss(loss.total.detach(), loss.num_targets))
        return self.objective(loss)

    @property
    def tokens_per_step(self) -> float:
        """Of the step that is taken now, on average."""
        return self.batch_sizes.at(self.trainer.global_step) * self.tokens_per_example

    def tokens_before(self, step: int) -> float:
        """Of all earlier steps."""
        return self.batch_sizes.before(step) * self.tokens_per_example

    def objective(self, loss: Loss) -> Tensor:
        """What a micro-batch minimises, so that the mean over all of a step's is what the step minimises.

        The loss by the targets that a micro-batch has on average: `gradient_factor` mends the rest.
        """
        return loss.total / (self.tokens_per_step / self._micro_batches)

    @property
    def _micro_batches(self) -> int:
        """In one step, over all devices."""
        return self.trainer.accumulate_grad_batches * self.trainer.world_size

    def _step_loss(self) -> Loss:
        """Of the whole step, over all its micro-batches and devices; summed up once, however often asked."""
        if self._summed is None:
            sums = torch.stack([torch.stack([one.total, one.num_targets]).double() for one in self._losses])
            self._summed = Loss(*self.trainer.strategy.reduce(sums.sum(0), reduce_op="sum"))
        return self._summed

    def gradient_factor(self) -> float:
        """What the step's gradients lack to be those of the mean over all its targets."""
        return 1.0

    def configure_gradient_clipping(
        self,
        optimizer: Any,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Scale to the mean over targets, clip by the global norm, and keep the norm for the log."""
        parameters = [p for p in self.model.parameters() if p.grad is not None]
        factor = self.gradient_factor()
        if factor != 1.0:
            torch._foreach_mul_([p.grad for p in parameters if p.grad is not None], factor)
        norm = nn.utils.get_total_norm(p.grad for p in parameters)
        if gradient_clip_val:
            nn.utils.clip_grads_with_norm_(parameters, gradient_clip_val, norm)
        self._gradient_norm = norm
        self._learning_rate = optimizer.param_groups[0]["lr"]

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        if (batch_idx + 1) % self.trainer.accumulate_grad_batches:
            return
        trainer: Any = self.trainer
        step = trainer.global_step
        if step % trainer.log_every_n_steps == 0 or step == trainer.max_steps:
            self.report(self._training_metrics(step))
            self.report(self._speed_metrics(step))
        self._losses.clear()
        self._summed = None
        if step == trainer.max_steps:
            trainer.should_stop = True  # Lightning validates once more then: the last weights may be best.

    def _loss_metrics(self, step: int) -> dict[str, float]:
        loss = self._step_loss()
        return {"train/loss": float(loss.total / loss.num_targets)}

    def _training_metrics(self, step: int) -> dict[str, float]:
        losses = self._loss_metrics(step)
        norm = self._gradient_norm
        assert norm is not None
        norm = norm.full_tensor() if hasattr(norm, "full_tensor") else norm  # A DTensor under FSDP2.
        return {
            **losses,
            "lr": self._learning_rate,
            "gradient_norm": float(norm),
            "tokens": round(self.tokens_before(step)),
        }

    def _speed_metrics(self, step: int) -> dict[str, float]:
        seconds, tokens = self.stopwatch.lap(), self.tokens_before(step) - self.tokens_before(self._lap_step)
        self._lap_step = step
        tokens_per_second = tokens / seconds
        metrics = {
            "speed/tokens_per_second": tokens_per_second,
            "speed/elapsed_seconds": self.stopwatch.total,
        }
        if self._peak:
            flops = self.model.shape.flops_per_token(self.context_lengths.at(step - 1))
            metrics["speed/mfu"] = tokens_per_second * flops / self._peak
        return metrics

    def report(self, metrics: dict[str, float]) -> None:
        """Give metrics to the callbacks, and to every logger under the optimizer's step."""
        self.log_dict(metrics, logger=False, batch_size=1)
        for logger in self.loggers:
            logger.log_metrics(metrics, step=self.trainer.global_step)

    # Validation

    def on_validation_start(self) -> None:
        self.stopwatch.pause()

    def on_validation_end(self) -> None:
        self.stopwatch.go_on()

    # Checkpoints

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        # Lightning's loop counters resume in the middle of an epoch inexactly; the step says it all.
        checkpoint.pop("loops")
        if not self.strict_loading:
            frozen = {f"model.{name}" for name, p in self.model.named_parameters() if not p.requires_grad}
            for name in frozen & checkpoint["state_dict"].keys():
                del checkpoint["state_dict"][name]
        checkpoint["elapsed_seconds"] = self.stopwatch.total

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        optimizer_steps = (
            self.trainer.fit_loop.epoch_loop.automatic_optimization.optim_progress.optimizer.step
        )
        optimizer_steps.total.ready = optimizer_steps.total.completed = checkpoint["global_step"]
        self.stopwatch.total = checkpoint["elapsed_seconds"]


def _unfuse(optimizer: torch.optim.Optimizer) -> None:
    """A fused step takes fp16's scale off the gradients itself: too late for clipping by their norm."""
    optimizer._step_supports_amp_scaling = False  # type: ignore[attr-defined]
    for group in optimizer.param_groups:
        group["fused"] = False


def reseed(seed: int, step: int, micro: int, rank: int) -> None:
    """Seed every generator for one micro-batch."""
    mixed = np.random.SeedSequence([seed, step, micro, rank]).generate_state(2)
    random.seed(int(mixed[0]))
    np.random.seed(int(mixed[0]))
    torch.manual_seed(int(mixed[1]))  # All devices.
