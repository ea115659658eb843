"""What devices can do at best, and how much of their memory was in use."""

from __future__ import annotations

import resource
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

# Dense bf16 FLOP/s by a part of the device's name, from NVIDIA's data sheets; the first match counts.
PEAK_BF16 = {
    "B200": 2250e12,
    "H200": 989e12,
    "H100 PCIe": 756e12,
    "H100": 989e12,
    "A100": 312e12,
    "L40S": 362e12,
    "L40": 181e12,
    "L4": 121e12,
    "A10G": 70e12,
    "A10": 125e12,
    "RTX 4090": 165e12,
    "RTX 3090": 71e12,
}


@cache
def cpu_has_fast_bf16() -> bool:
    """Whether products in bfloat16 are faster than in float32 on this machine's CPU."""
    known = Path("/proc/cpuinfo")
    return known.is_file() and tells_of_fast_bf16(known.read_text())


def tells_of_fast_bf16(cpuinfo: str) -> bool:
    """Tiles (AMX) more than double the speed of fp32, AMD's AVX512 gives up to 1.7 times; else it halves.

    That is of whole training steps (benchmarks/precision.py).
    """
    flags = cpuinfo.split()
    return "amx_tile" in flags or ("avx512_bf16" in flags and "AuthenticAMD" in flags)


def peak_memory(device: torch.device) -> int:
    """Bytes that this process had in use at most: of the GPU where it used one, else of the machine."""
    if device.type == "cuda":
        import torch

        return torch.cuda.max_memory_allocated(device)
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest if sys.platform == "darwin" else largest * 1024
