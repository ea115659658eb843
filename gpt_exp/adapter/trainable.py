"""Which parameters of a model train, by `requires_grad`: an optimizer neither sees nor remembers others."""

from __future__ import annotations

from torch import nn


def trainable_parameters(model: nn.Module) -> tuple[int, int]:
    """How many parameters train, and how many there are; a tied table counts once."""
    parameters = list(model.parameters())
    return sum(p.numel() for p in parameters if p.requires_grad), sum(p.numel() for p in parameters)


def freeze_all_but_heads(model: nn.Module) -> None:
    """What each way to train a part begins with: a task's own heads are new and always learn."""
    model.requires_grad_(False)
    if (heads := hosted_heads(model)) is not None:
        heads.requires_grad_(True)


def hosted_heads(model: nn.Module) -> nn.ModuleDict | None:
    """The heads that the task asked this model to host; None where there are none."""
    heads = getattr(model, "heads", None)
    return heads if heads is not None and len(heads) else None
