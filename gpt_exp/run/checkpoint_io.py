"""Checkpoints as folders of plain data: `model.safetensors`, `state.pt`, `manifest.json`.

Lightning hands over one dict; its own file writing, which is neither atomic nor synced, is never used.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch.plugins.io import CheckpointIO
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from gpt_exp.errors import UserError
from gpt_exp.run import durable

WEIGHTS = "model.safetensors"
STATE = "state.pt"
PREFIX = "model."  # The LightningModule's attribute that holds the language model.
SPARE_BYTES = 16 * 2**20  # Left free beside a checkpoint, for logs and folder entries.


class RunCheckpointIO(CheckpointIO):
    """Reads and writes a run's checkpoints for Lightning."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Raises OSError where the disk refuses; the checkpoints written before stay whole."""
        assert storage_options is None, storage_options
        state = {key: value for key, value in checkpoint.items() if key != "state_dict"}
        weights, state["other_state_dict"] = _split(checkpoint["state_dict"])
        state = plain(state)
        _require_space(Path(path).parent, sum(tensor.nbytes for tensor in _tensors([weights, state])))
        with durable.write_folder(Path(path)) as folder:
            _write_weights(weights, folder / WEIGHTS)
            _write_state(state, folder / STATE)

    def load_checkpoint(
        self, path: Any, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Plain data on the CPU, whatever the arguments say; raises UserError where it is damaged."""
        if (what := durable.damage(Path(path))) is not None:
            raise UserError(f"checkpoint {path} is damaged: {what}")
        checkpoint = torch.load(Path(path) / STATE, map_location="cpu", weights_only=True)
        weights = {PREFIX + name: tensor for name, tensor in load_weights(Path(path)).items()}
        checkpoint["state_dict"] = weights | checkpoint.pop("other_state_dict")
        return checkpoint

    def remove_checkpoint(self, path: Any) -> None:
        """Gone in one step: a crash leaves a hidden rest, which the next removal clears."""
        path = Path(path)
        path.rename(path.with_name(f".removed-{path.name}"))
        for rest in path.parent.glob(".removed-*"):
            shutil.rmtree(rest, ignore_errors=True)


def load_weights(checkpoint: Path) -> dict[str, Tensor]:
    """The language model's state dict, on the CPU; tied weights are one tensor under each of their names."""
    with safe_open(checkpoint / WEIGHTS, framework="pt") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        ties = file.metadata() or {}
    return weights | {name: weights[kept] for name, kept in ties.items() if kept in weights}


def plain(value: Any, where: str = "checkpoint") -> Any:
    """A copy that opens with `weights_only=True`: tensors on the CPU, containers and primitives."""
    if isinstance(value, Tensor):
        return _own_storage(value)
    if value is None or isinstance(value, torch.dtype | torch.device | torch.Size):
        return value
    for primitive in (bool, int, float, str, bytes):
        if isinstance(value, primitive):
            return primitive(value)  # type: ignore[arg-type]  # An enum of strings becomes a string.
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {plain(key, where): plain(inner, f"{where}.{key}") for key, inner in value.items()}
    if isinstance(value, list | tuple | set):
        kind = tuple if isinstance(value, tuple) else type(value)
        return kind(plain(inner, f"{where}.{i}") for i, inner in enumerate(value))
    raise TypeError(f"{where} is a {type(value).__name__}, not a tensor, container or primitive")


def _split(state_dict: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The language model's tensors without their prefix, and all others (of metrics, of an average)."""
    model = {name: tensor for name, tensor in state_dict.items() if name.startswith(PREFIX)}
    others = {name: tensor for name, tensor in state_dict.items() if name not in model}
    return {name.removeprefix(PREFIX): tensor for name, tensor in model.items()}, others


def _write_weights(weights: Mapping[str, Tensor], path: Path) -> None:
    """Tied tensors are written once; the metadata has their other names, as in safetensors' `save_model`."""
    kept: dict[tuple[Any, ...], str] = {}
    ties = {}
    for name, tensor in weights.items():
        first = kept.setdefault((tensor.device, tensor.data_ptr(), tensor.shape, tensor.stride()), name)
        if first != name and tensor.numel():
            ties[name] = first
    tensors = {name: _own_storage(weights[name]).contiguous() for name in weights if name not in ties}
    try:
        save_file(tensors, path, metadata={"format": "pt", **ties})
    except SafetensorError as error:
        raise OSError(errno.EIO, str(error), str(path)) from error


def _write_state(state: dict[str, Any], path: Path) -> None:
    try:
        with path.open("wb") as file:
            torch.save(state, file)
    except RuntimeError as error:  # What torch makes of a write that failed.
        raise OSError(errno.EIO, str(error.__context__ or error), str(path)) from error


def _own_storage(tensor: Tensor) -> Tensor:
    """On the CPU, and no view: torch.save would write all that a view looks into."""
    tensor = tensor.detach().cpu()
    return tensor.clone() if tensor.untyped_storage().nbytes() > tensor.nbytes else tensor


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        yield from _tensors(list(value.values()))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _tensors(inner)


def _require_space(folder: Path, num_bytes: int) -> None:
    existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    if free < num_bytes + SPARE_BYTES:
        message = f"{os.strerror(errno.ENOSPC)}: {num_bytes:,} bytes needed, {free:,} free"
        raise OSError(errno.ENOSPC, message, str(folder))
