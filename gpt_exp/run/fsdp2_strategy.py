"""Fully sharded training whose checkpoints are the same whole folders as everywhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning.fabric.strategies.model_parallel import _rekey_optimizer_state_if_needed
from lightning.pytorch.strategies import ModelParallelStrategy, Strategy
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    set_model_state_dict,
    set_optimizer_state_dict,
)


class FSDP2Strategy(ModelParallelStrategy):
    """Shards over all devices what the module's `configure_model` wraps in `fully_shard`.

    Rank 0 gathers and writes a checkpoint, so a run can go on with another number of devices, or none.
    """

    def __init__(self) -> None:
        super().__init__(tensor_parallel_size=1, save_distributed_checkpoint=False)

    def setup_environment(self) -> None:
        self._data_parallel_size = self.num_nodes * self.num_processes
        super().setup_environment()

    def save_checkpoint(self, checkpoint: dict[str, Any], filepath: Any, storage_options: Any = None) -> None:
        Strategy.save_checkpoint(self, checkpoint, filepath, storage_options)

    def load_checkpoint(self, checkpoint_path: Any, weights_only: bool | None = None) -> dict[str, Any]:
        """Rank 0 reads, all ranks get their shards; what is left of the checkpoint is the same on all."""
        assert self.model is not None
        checkpoint: dict[str, Any] = {}
        weights: dict[str, Any] = {}
        states: list[dict[str, Any]] = [{} for _ in self.optimizers]
        if self.is_global_zero:
            checkpoint = self.checkpoint_io.load_checkpoint(Path(checkpoint_path))
            weights, states = checkpoint.pop("state_dict"), checkpoint.pop("optimizer_states")
        options = StateDictOptions(full_state_dict=True, broadcast_from_rank0=True, cpu_offload=False)
        set_model_state_dict(self.model, weights, options=options)
        for optimizer, state in zip(self.optimizers, states, strict=True):
            named = _rekey_optimizer_state_if_needed(state, self.model) if state else state
            set_optimizer_state_dict(self.model, optimizer, optim_state_dict=named, options=options)
        return self.broadcast(checkpoint)
