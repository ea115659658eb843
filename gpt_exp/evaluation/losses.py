"""A model's loss over all batches of a split."""

from __future__ import annotations

from typing import Any

import torch
from lightning.fabric.utilities import move_data_to_device
from rich.console import Console
from rich.progress import track
from torch.utils.data import DataLoader
from torchmetrics import Metric

from gpt_exp.interfaces import Model, Task
from gpt_exp.precision import autocast


@torch.inference_mode()
def losses(
    model: Model,
    task: Task,
    metric: Metric,
    loader: DataLoader[Any],
    *,
    device: torch.device,
    precision: str,
    title: str = "",
) -> dict[str, float]:
    """What `metric` makes of the task's loss over every batch of a loader, by name."""
    model.eval().to(device)
    metric.to(device)
    console = Console(stderr=True)
    for batch in track(loader, title, console=console, transient=True, disable=not console.is_terminal):
        moved = move_data_to_device(batch, device)
        with autocast(precision, device.type):
            metric.update(task.loss(model, moved))
    return {name: float(value) for name, value in metric.compute().items()}
