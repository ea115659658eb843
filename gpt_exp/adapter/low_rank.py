"""What is done with low-rank adapters that have learnt: kept as files of their own, or merged away.

The files are peft's: `adapter_config.json`, and `adapter_model.safetensors` with the adapters and whatever
else was trained (heads, embeddings).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from gpt_exp.adapter.lora import WHOLE, inject, is_adapted, is_low_rank, linear_layers, peft
from gpt_exp.adapter.per_task import USE, has_several
from gpt_exp.run import durable

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
PREFIX = "base_model.model."  # What peft's own wrapper puts before every name.
SETTINGS = ("r", "lora_alpha", "lora_dropout", "use_dora", "use_rslora")  # All that lora() can set.


def merge(model: nn.Module, task: str | None = None) -> None:
    """Add every adapter to its matrix, in place: plain linear layers again, under their own names.

    Of a model in which tasks have their own, that of `task` is added, if it has one, and the others are
    dropped. What was frozen stays so. ValueError for weights that are not finite; a model without
    adapters is kept.
    """
    if not is_adapted(model):
        return
    added = task if has_several(model) else WHOLE
    layers = [(name, module) for name, module in model.named_modules() if hasattr(module, "base_layer")]
    for name, layer in layers:
        layer.merge(safe_merge=True, adapter_names=[added])
        model.set_submodule(name, layer.get_base_layer())
    del model.peft_config
    if has_several(model):
        delattr(model, USE)


def save(model: nn.Module, folder: Path) -> None:
    """Write the adapters of `model` and what else it trained; ValueError for a model without adapters."""
    if not is_adapted(model):
        raise ValueError("the model has no low-rank adapters to save: they are merged, or were never there")
    tensors = _adapters(model) | {name: p for name, p in _others(model).items() if p.requires_grad}
    config = {key: _sorted(value) for key, value in _config(model).to_dict().items()}
    with durable.write_folder(folder) as temporary:
        plain = {PREFIX + name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        save_file(plain, temporary / WEIGHTS, metadata={"format": "pt"})
        (temporary / CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def load(model: nn.Module, folder: Path) -> None:
    """Put adapters that `save` wrote into a model that has none; what was trained then trains again.

    ValueError for files that are not there, no adapters, or of another model.
    """
    if is_adapted(model):
        raise ValueError("the model has low-rank adapters already: load into a plain one")
    config, saved = _read(folder)
    targets = linear_layers(model, config["target_modules"])
    settings = {key: config[key] for key in SETTINGS}
    inject(model, peft().LoraConfig(target_modules=targets, **settings))
    others = _others(model)
    _check_fit(saved, _adapters(model), others, folder)
    peft().set_peft_model_state_dict(model, {n: t for n, t in saved.items() if n not in others})
    for name in saved.keys() & others.keys():
        others[name].data.copy_(saved[name])
        others[name].requires_grad_(True)


def _adapters(model: nn.Module) -> dict[str, Tensor]:
    """The adapters' tensors under the names of peft's files."""
    return peft().get_peft_model_state_dict(model, save_embedding_layers=False)


def _others(model: nn.Module) -> dict[str, nn.Parameter]:
    """All parameters but the adapters'."""
    return {name: parameter for name, parameter in model.named_parameters() if not is_low_rank(name)}


def _config(model: nn.Module) -> Any:
    configs: Any = model.peft_config
    (config,) = configs.values()
    return config


def _sorted(value: Any) -> Any:
    return sorted(value) if isinstance(value, set) else value  # A set's order differs from run to run.


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        config = json.loads((folder / CONFIG).read_text())
        saved = load_file(folder / WEIGHTS)
    except (OSError, ValueError, SafetensorError) as error:
        raise ValueError(f"{folder} holds no low-rank adapters: {error}") from None
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        raise ValueError(f"{folder / CONFIG}: only peft_type LORA can be loaded")
    missing = [key for key in (*SETTINGS, "target_modules") if key not in config]
    if missing or not isinstance(config["target_modules"], list):
        raise ValueError(f"{folder / CONFIG} lacks {', '.join(missing) or 'a list of target_modules'}")
    return config, {name.removeprefix(PREFIX): tensor for name, tensor in saved.items()}


def _check_fit(
    saved: Mapping[str, Tensor], adapters: Mapping[str, Tensor], others: Mapping[str, Tensor], folder: Path
) -> None:
    if missing := sorted(adapters.keys() - saved.keys()):
        raise ValueError(f"{folder / WEIGHTS} lacks {missing[0]} ({len(missing)} tensors)")
    for name, tensor in saved.items():
        there = adapters.get(name, others.get(name))
        if there is None:
            raise ValueError(f"{folder / WEIGHTS} has {name}, the model not: it is of another model or task")
        if there.shape != tensor.shape:
            shapes = f"{tuple(tensor.shape)} there and {tuple(there.shape)} in the model"
            raise ValueError(f"{folder / WEIGHTS} is of another model: {name} is {shapes}")
