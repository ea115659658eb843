"""Where a run ran: machine, library versions, state of the code; no value of an environment variable."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "gpt-exp",
    "torch",
    "lightning",
    "torchmetrics",
    "hydra-core",
    "omegaconf",
    "numpy",
    "safetensors",
    "tokenizers",
    "wandb",
)
MAX_PATCH_BYTES = 1_000_000


def environment() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "platform": platform.platform(),
        "hostname": platform.node(),
        "cpu": _cpu(),
        "gpus": _output(["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv"]).splitlines()[1:],
        "argv": sys.argv,
    }


def git_state() -> tuple[dict[str, Any], str] | None:
    """Commit and changes (as a patch) of the repository around the working folder, else around this code.

    None where there is none. No remote is recorded: its address may hold a password.
    """
    for folder in (Path.cwd(), Path(__file__).parent):
        if commit := _output(["git", "-C", str(folder), "rev-parse", "HEAD"]).strip():
            status = _output(["git", "-C", str(folder), "status", "--porcelain"])
            patch = _output(["git", "-C", str(folder), "diff", "HEAD"])
            state = {"commit": commit, "dirty": bool(status), "status": status.splitlines()[:200]}
            if len(patch) > MAX_PATCH_BYTES:
                return state | {"patch": f"left out: {len(patch):,} characters"}, ""
            return state, patch
    return None


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else platform.processor()


def _output(command: list[str]) -> str:
    """What a program prints; empty where it is missing, fails or hangs."""
    if shutil.which(command[0]) is None:
        return ""
    try:
        done = subprocess.run(command, capture_output=True, timeout=10, check=True)
    except (subprocess.SubprocessError, OSError):
        return ""
    return done.stdout.decode(errors="replace")
