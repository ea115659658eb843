"""What a device can do at best: the base of model FLOPs utilisation (PaLM, arXiv 2204.02311, appendix B)."""

from __future__ import annotations

from functools import cache
from time import perf_counter

import torch

from gpt_exp.hardware import PEAK_BF16


def peak_flops(device: torch.device, precision: str) -> float:
    """FLOP/s: from the data sheet on a known GPU, measured on a CPU, 0 where unknown."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        return next((flops for part, flops in PEAK_BF16.items() if part in name), 0.0)
    if device.type == "cpu":
        return _measured_cpu_flops(torch.bfloat16 if precision.startswith("bf16") else torch.float32)
    return 0.0


@cache
def _measured_cpu_flops(dtype: torch.dtype, size: int = 1024, repeats: int = 5) -> float:
    matrix = torch.ones(size, size, dtype=dtype)
    best = float("inf")
    for _ in range(repeats):
        began = perf_counter()
        matrix @ matrix
        best = min(best, perf_counter() - began)
    return 2 * size**3 / best
