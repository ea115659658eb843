"""Every parameter trains."""

from __future__ import annotations

from torch import nn


def full(model: nn.Module) -> None:
    """Full fine-tuning, or pretraining."""
    model.requires_grad_(True)
