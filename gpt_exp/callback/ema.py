"""An exponential moving average of the weights: it often generalizes better than where training stands.

Lightning's own `EMAWeightAveraging` copies the whole module, sets it up twice, and ends by overwriting the
raw weights, so that a run could not go on exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule

KEY = "exponential_moving_average"  # In a checkpoint.


class ExponentialMovingAverage(Callback):
    """Averages what trains after each optimizer step; the average is what is validated, saved and evaluated.

    At step t it keeps min(decay, (1 + t) / (10 + t)) of itself, so that the first weights are soon forgotten
    (the warm-up of tf.train.ExponentialMovingAverage). A checkpoint's model.safetensors holds the average,
    its state.pt the raw weights, with which training goes on. ValueError unless 0 <= decay < 1.
    """

    def __init__(self, *, decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay={decay} must be at least 0 and below 1")
        self.decay = decay
        self._average: dict[str, Tensor] = {}  # In fp32 at least: a step changes it by little.
        self._raw: dict[str, Tensor] = {}  # While the average stands in the model.
        self._step = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._step = trainer.global_step
        for name, parameter in _trained(pl_module).items():
            start = self._average.get(name, parameter.detach())
            dtype = torch.promote_types(parameter.dtype, torch.float32)
            self._average[name] = start.to(parameter.device, dtype).clone()

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any) -> None:
        if trainer.global_step != self._step:  # Not within an accumulation.
            self._step = trainer.global_step
            self._update(pl_module, min(self.decay, (1 + self._step) / (10 + self._step)))

    @torch.no_grad()
    def _update(self, pl_module: LightningModule, decay: float) -> None:
        now = [p.to(self._average[name].dtype) for name, p in _trained(pl_module).items()]
        torch._foreach_lerp_([self._average[name] for name in _trained(pl_module)], now, 1 - decay)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._average:
            self._raw = {name: p.detach().clone() for name, p in _trained(pl_module).items()}
            _put(self._average, pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        _put(self._raw, pl_module)
        self._raw = {}

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        _put(self._average, pl_module)  # After the last checkpoint: what follows uses the model.

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        state, exact, raw = checkpoint["state_dict"], {}, {}
        for name, parameter in _trained(pl_module).items():
            average = _whole(self._average[name])  # Every rank takes part where weights are sharded,
            if name not in state:  # and the first one has the state.
                continue
            raw[name], state[name] = state[name], average.to(parameter.dtype)
            if average.dtype != parameter.dtype:
                exact[name] = average
        checkpoint[KEY] = {"raw": raw, "average": exact}

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        parameters = _trained(pl_module)
        self._average = {name: parameter.detach().clone() for name, parameter in parameters.items()}
        for name, average in checkpoint[KEY]["average"].items():
            self._average[name] = _sharded_like(parameters[name], average)
        _put(checkpoint[KEY]["raw"], pl_module)


def _trained(pl_module: LightningModule) -> dict[str, nn.Parameter]:
    return {name: parameter for name, parameter in pl_module.named_parameters() if parameter.requires_grad}


@torch.no_grad()
def _put(weights: Mapping[str, Tensor], pl_module: LightningModule) -> None:
    for module in pl_module.modules():
        if isinstance(module, FSDPModule):  # Its last forward pass left it whole: a copy would be lost.
            module.reshard()
    parameters = _trained(pl_module)
    for name, tensor in weights.items():
        parameters[name].copy_(_sharded_like(parameters[name], tensor))


def _whole(tensor: Tensor) -> Tensor:
    """All of a tensor that is sharded (a DTensor, under FSDP2)."""
    return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor


def _sharded_like(parameter: Tensor, tensor: Tensor) -> Tensor:
    if not hasattr(parameter, "full_tensor") or hasattr(tensor, "full_tensor"):
        return tensor
    from torch.distributed.tensor import DTensor, distribute_tensor

    assert isinstance(parameter, DTensor)
    return distribute_tensor(tensor.to(parameter.device), parameter.device_mesh, parameter.placements)
