"""A probe: what can be read off the hidden states of a model that stays as it is."""

from __future__ import annotations

from torch import nn

from gpt_exp.adapter.trainable import freeze_all_but_heads, hosted_heads


def head(model: nn.Module) -> None:
    """Only the task's heads train; ValueError where the model hosts none."""
    if hosted_heads(model) is None:
        raise ValueError(
            "adapter=head trains the task's own heads, and this task has none: "
            "take adapter=full, last_layers, lora or dora"
        )
    freeze_all_but_heads(model)
