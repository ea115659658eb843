"""Gradual unfreezing: the last blocks learn first, one more at a time (ULMFiT: Howard and Ruder 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lightning.pytorch import Callback
from lightning.pytorch.strategies import SingleDeviceStrategy
from torch import nn


class GradualUnfreezing(Callback):
    """The last `num_blocks` blocks train first, and one more after every `every_n_steps` steps.

    What stands behind the blocks trains from the start: the final norm, an output table of its own, heads.
    Embedding tables come last, also one that is the output's too. What is frozen is not updated at all:
    without a gradient an optimizer passes it over, with its weight decay and momentum. All is a function of
    the step, and what an adapter froze stays so. arXiv:1801.06146, section 3.3. ValueError below 1.
    """

    def __init__(self, *, num_blocks: int = 1, every_n_steps: int = 100) -> None:
        for name, value in (("num_blocks", num_blocks), ("every_n_steps", every_n_steps)):
            if value < 1:
                raise ValueError(f"callback.unfreezing.{name}={value} must be at least 1")
        self.num_blocks, self.every_n_steps = num_blocks, every_n_steps

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """Where no gradient is wanted, neither the graph nor the backward pass goes below the trained blocks.

        Outside of these passes `requires_grad` still tells what trains in this run. DDP and FSDP2 wait for a
        gradient of each weight, and a compiled network would be compiled anew: there all are made, and
        dropped.
        """
        pl_module.still = self.frozen(pl_module.model, trainer.global_step)
        if isinstance(trainer.strategy, SingleDeviceStrategy) and not pl_module.compile_model:
            _want_gradients(pl_module.still, False)

    def on_after_backward(self, trainer: Any, pl_module: Any) -> None:
        _want_gradients(pl_module.still, True)

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        """Before the norm of the gradients is taken."""
        for parameter in pl_module.still:
            parameter.grad = None

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        step, is_whole = trainer.global_step, (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        if is_whole and step % trainer.log_every_n_steps == 0:
            num_trained = min(len(pl_module.model.blocks), self._stage(step - 1))
            pl_module.report({"train/num_unfrozen_blocks": float(num_trained)})

    def _stage(self, step: int) -> int:
        """How many parts train of blocks and, as the last, the embeddings."""
        return self.num_blocks + step // self.every_n_steps

    def frozen(self, model: Any, step: int) -> list[nn.Parameter]:
        """Of the weights that train at all, those that do not yet."""
        stage, blocks = self._stage(step), list(model.blocks)
        if stage > len(blocks):
            return []
        parts = [*blocks[: len(blocks) - stage], *_embeddings(model)]
        return [p for part in parts for p in part.parameters() if p.requires_grad]


def _embeddings(model: nn.Module) -> list[nn.Module]:
    """Tables before the blocks; those of a task's heads are new and learn at once."""
    return [child for child in model.children() if isinstance(child, nn.Embedding)]


def _want_gradients(parameters: Sequence[nn.Parameter], wanted: bool) -> None:
    for parameter in parameters:
        parameter.requires_grad_(wanted)
