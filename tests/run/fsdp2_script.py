"""Two processes train a run without a stop, and two that go on: after their end, and after a signal."""

import os
import signal
import sys
from pathlib import Path

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.distributed.fsdp import fully_shard
from torch.utils.data import DataLoader

from gpt_exp.callback.checkpoint import Checkpoint
from gpt_exp.run.checkpoint_io import RunCheckpointIO
from gpt_exp.run.folder import RunFolder
from gpt_exp.run.fsdp2_strategy import FSDP2Strategy

STEPS = 6


class Tiny(LightningModule):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(6, 7), nn.ReLU(), nn.Linear(7, 6))

    def configure_model(self) -> None:
        for block in self.model:
            fully_shard(block, mesh=self.device_mesh["data_parallel"])

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        return (self.model(batch) - batch).square().mean()

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        self.log("val/loss", self.training_step(batch, batch_idx), sync_dist=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=0.02)

    def train_dataloader(self) -> DataLoader:
        step, rank = self.trainer.global_step, self.global_rank
        seeds = [2 * number + rank for number in range(step, STEPS)]
        batches = [torch.randn(4, 6, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
        return DataLoader(batches, batch_size=None)

    def val_dataloader(self) -> DataLoader:
        return DataLoader([torch.ones(4, 6)], batch_size=None)


class Signal(Callback):
    """Only the second process gets it, in the middle of step 3."""

    def on_train_batch_end(self, trainer: Trainer, *args: object) -> None:
        if trainer.global_step == 3 and trainer.global_rank == 1:
            os.kill(os.getpid(), signal.SIGTERM)


def train(path: Path, max_steps: int, *callbacks: Callback) -> Trainer:
    trainer = Trainer(
        accelerator="cpu",
        devices=2,
        strategy=FSDP2Strategy(),
        max_steps=max_steps,
        max_epochs=-1,
        val_check_interval=2,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        callbacks=[*callbacks, Checkpoint(every_n_steps=2)],
        plugins=[RunCheckpointIO()],
        logger=False,
        default_root_dir=path,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    trainer.fit(Tiny(), ckpt_path=RunFolder(path).newest_whole_checkpoint(), weights_only=True)
    return trainer


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    train(folder / "whole", STEPS)
    train(folder / "broken", 3)
    train(folder / "broken", STEPS)
    stopped = train(folder / "stopped", STEPS, Signal())
    assert (stopped.global_step, stopped.checkpoint_callback.stopped_by) == (3, "SIGTERM")
    train(folder / "stopped", STEPS)
