"""The model stays as it is: what several tasks bring along learns beside it."""

from __future__ import annotations

from torch import nn

from gpt_exp.adapter.trainable import freeze_all_but_heads


def frozen(model: nn.Module) -> None:
    """Only tasks' heads train, and the adapters that they have of their own (`tasks.NAME.adapter`)."""
    freeze_all_but_heads(model)
