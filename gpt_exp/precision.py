"""The numbers a device computes with."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from gpt_exp.errors import UserError
from gpt_exp.hardware import cpu_has_fast_bf16


def resolve_precision(precision: str, accelerator: str) -> str:
    """`auto`: bf16-mixed where the hardware multiplies bf16 faster, else fp16 on a GPU and fp32 on a CPU."""
    if precision != "auto":
        return precision
    if accelerator in ("gpu", "cuda") or (accelerator == "auto" and torch.cuda.is_available()):
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "16-mixed"
    if accelerator == "cpu" or not torch.backends.mps.is_available():
        return "bf16-mixed" if cpu_has_fast_bf16() else "32-true"
    return "32-true"


def resolve_device(device: str) -> torch.device:
    """`auto`: the accelerator that this machine has, or its CPU."""
    here = torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    if device == "auto":
        return here
    if device.partition(":")[0] not in ("cpu", here.type):
        raise UserError(f"device={device}: this machine has cpu" + f" and {here.type}" * (here.type != "cpu"))
    return torch.device(device)


def autocast(precision: str, device_type: str) -> AbstractContextManager:
    """The autocast of a Lightning precision such as `bf16-mixed`, outside a Trainer."""
    if not precision.endswith("-mixed"):
        return nullcontext()
    return torch.autocast(device_type, torch.bfloat16 if precision.startswith("bf16") else torch.float16)
