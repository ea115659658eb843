"""Learning rates for a network that is wider than the one on which they were found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from gpt_exp.interfaces import WidthScaled
from gpt_exp.optimizer.muon import Muon


def scale_by_width(optimizer: torch.optim.Optimizer, model: nn.Module) -> None:
    """Split the groups by what the model's `fan_in_ratios` say; a model that says nothing changes nothing.

    AdamW moves each weight by its learning rate, whatever the gradient: r times the inputs sum up r times the
    moves, so their weights have 1/r of it (Yang et al. 2022, arXiv:2203.03466, table 8), and r times the
    weight decay, which torch multiplies by the learning rate (as MuAdamW of microsoft/mup, `mup/optim.py`).
    Muon's matrices keep theirs: the spectral norm of their step is the learning rate, times the root of
    outputs by inputs where there are more, and that is what every width wants (Yang, Simon and Bernstein
    2023, arXiv:2310.17813, condition 1). ValueError for an optimizer with neither of these rules.
    """
    ratios = model.fan_in_ratios() if isinstance(model, WidthScaled) else {}
    if not ratios:
        return
    if not isinstance(optimizer, torch.optim.AdamW | Muon):
        raise ValueError(
            f"a maximal-update parametrisation scales adamw and muon, not {type(optimizer).__name__}; "
            "take one of them, or model.parametrization=standard"
        )
    by_id = {id(p): ratios[name] for name, p in model.named_parameters() if name in ratios}
    groups = [part for group in optimizer.param_groups for part in _split(group, by_id)]
    optimizer.param_groups[:] = groups


def _split(group: dict[str, Any], ratios: Mapping[int, float]) -> list[dict[str, Any]]:
    """The group's parameters by ratio, unscaled ones first: a log shows the first group's learning rate."""
    if "momentum" in group:  # Muon's own step.
        return [group]
    parts = defaultdict(list)
    for parameter in group["params"]:
        parts[ratios.get(id(parameter), 1.0)].append(parameter)
    lr, weight_decay = group["lr"], group["weight_decay"]
    return [
        {**group, "params": parts[ratio], "lr": lr / ratio, "weight_decay": weight_decay * ratio}
        for ratio in sorted(parts, key=lambda ratio: (ratio != 1, ratio))
    ]
