"""Networks from and to Hugging Face's layout: a folder of config.json, safetensors, and a tokenizer.

The `model_type` of a config.json is the name of a module in `translation/`, as is that of a network's own
module. There `SUPPORTED` and `from_config` read a config.json and `to_config` writes one; `from_tensors` and
`to_tensors` give the tensors their names.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from gpt_exp.interfaces import Tokenizer
from gpt_exp.model.heads import HEADS, without_heads
from gpt_exp.model.shape import Shape

INDEX = "model.safetensors.index.json"  # Of a checkpoint in several files: {"weight_map": {name: file}}.
HEADS_FILE = "heads.safetensors"  # Of a task, beside the language model.
MAX_SHARD_BYTES = 5 * 10**9
DTYPES = ("float32", "bfloat16", "float16")


def from_pretrained(
    path: str,
    *,
    context_length: int | None = None,
    dropout: float = 0.0,
    activation_checkpointing: bool = False,
    dtype: str = "float32",
) -> nn.Module:
    """The network in a local folder, or in a repository of the hub ("openai-community/gpt2").

    `context_length` may be shorter than the checkpoint's. ValueError names what is missing, and what a
    checkpoint has that our networks have not.
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype={dtype!r} must be one of {', '.join(DTYPES)}")
    folder = local(path)
    config = _read_json(folder / "config.json")
    family = _family(config.get("model_type"), "config.json")
    _check_config(config, family.SUPPORTED)
    overrides: dict[str, Any] = {"dropout": dropout, "activation_checkpointing": activation_checkpointing}
    if context_length is not None:
        overrides["context_length"] = context_length
    with torch.device("meta"):
        model = family.from_config(config, **overrides)
    model = model.to(getattr(torch, dtype)).to_empty(device="cpu")
    state = family.from_tensors(_read_tensors(folder), model)
    _check_state(state, model.state_dict())
    model.load_state_dict(state)
    return model


def save_pretrained(
    model: nn.Module,
    folder: Path,
    tokenizer: Tokenizer | None = None,
    *,
    max_shard_bytes: int = MAX_SHARD_BYTES,
) -> None:
    """Write `folder` so that transformers' AutoModelForCausalLM and AutoTokenizer open it.

    The heads of a task, for which transformers' class has no place, go to a file of their own.
    """
    shape: Shape = model.shape  # type: ignore[assignment]
    family = _family(type(model).__module__.rpartition(".")[2], "the network")
    config = family.to_config(model)
    tensors = without_heads(family.to_tensors(model))
    dtype = str(next(iter(tensors.values())).dtype).removeprefix("torch.")
    config |= {"torch_dtype": dtype, "bos_token_id": None, "eos_token_id": None}
    folder.mkdir(parents=True, exist_ok=True)
    if tokenizer is not None:
        config |= {"bos_token_id": tokenizer.end_of_text, "eos_token_id": tokenizer.end_of_text}
        _save_tokenizer(tokenizer, folder, context_length=shape.context_length)
    _write_json(folder / "config.json", config)
    _save_tensors(tensors, folder, max_shard_bytes)
    _save_heads(model, folder / HEADS_FILE)


def local(path: str) -> Path:
    """The folder of a checkpoint, which may be a repository of the hub; ValueError where there is neither."""
    folder = Path(path).expanduser()
    folder = folder if folder.is_dir() else _download(path)
    if not (folder / "config.json").is_file():
        raise ValueError(f"{folder} has no config.json: a checkpoint is a folder with it and safetensors")
    return folder


def load_heads(model: nn.Module, folder: Path) -> None:
    """A task's heads as `save_pretrained` kept them; ValueError where they are not there or do not fit."""
    wanted = {n: t for n, t in model.state_dict().items() if n.startswith(f"{HEADS}.")}
    file = folder / HEADS_FILE
    if wanted and not file.is_file():
        names = ", ".join(dict.fromkeys(name.split(".")[1] for name in wanted))
        raise ValueError(f"{folder} has no {HEADS_FILE}: the task reads {names} from there")
    state = load_file(file) if wanted else {}
    try:
        _check_state(state, wanted)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None
    model.load_state_dict(state, strict=False)


def _download(name: str) -> Path:
    """The hub's files that matter, in its local cache."""
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name):
        raise ValueError(f"path={name!r} is neither a folder nor the name of a repository of the hub")
    from huggingface_hub import snapshot_download  # Imported here: a local folder needs no hub.

    patterns = ["config.json", "*.safetensors", "*.safetensors.index.json", "tokenizer*.json"]
    try:
        return Path(snapshot_download(name, allow_patterns=patterns, ignore_patterns=["*/*"]))
    except (OSError, ValueError) as error:  # Offline and not in the cache, or no such repository.
        reason = str(error).strip().splitlines()[0]
        raise ValueError(
            f"path={name!r} is no local folder and cannot be had from the hub: {reason}"
        ) from error


def _family(model_type: Any, where: str) -> ModuleType:
    name = f"gpt_exp.model.translation.{model_type}"
    if re.fullmatch(r"\w+", str(model_type)) and importlib.util.find_spec(name):
        family = importlib.import_module(name)
        if hasattr(family, "from_config"):
            return family
    raise ValueError(f"model_type={model_type!r} of {where} has no translation here: there is no {name}")


def _check_config(config: Mapping[str, Any], supported: Mapping[str, tuple[Any, ...]]) -> None:
    for key, values in supported.items():
        if config.get(key, values[0]) not in values:
            allowed = " or ".join(map(repr, values))
            raise ValueError(f"{key}={config[key]!r} in config.json is not supported, only {allowed}")


def _check_state(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    if missing := sorted(wanted.keys() - state.keys()):
        raise ValueError(f"the checkpoint lacks {', '.join(missing[:3])} ({len(missing)} tensors)")
    if unknown := sorted(state.keys() - wanted.keys()):
        raise ValueError(
            f"the checkpoint has {', '.join(unknown[:3])} ({len(unknown)} tensors), the network not"
        )
    for name, tensor in state.items():
        if tensor.shape != wanted[name].shape:
            theirs, ours = tuple(tensor.shape), tuple(wanted[name].shape)
            raise ValueError(f"{name} is {theirs} in the checkpoint and {ours} in the network")


def _read_tensors(folder: Path) -> dict[str, Tensor]:
    if (folder / INDEX).exists():
        files = sorted(set(_read_json(folder / INDEX)["weight_map"].values()))
    else:
        files = ["model.safetensors"]
    tensors: dict[str, Tensor] = {}
    for file in files:
        if Path(file).name != file or not (folder / file).is_file():
            raise ValueError(f"{folder} has no {file}; only checkpoints in safetensors can be read")
        tensors |= load_file(folder / file)
    return tensors


def _save_tensors(tensors: Mapping[str, Tensor], folder: Path, max_shard_bytes: int) -> None:
    for old in (*folder.glob("model-?????-of-?????.safetensors"), folder / INDEX):
        old.unlink(missing_ok=True)  # Else files of an earlier, larger export would be read with these.
    shards = list(_shards(tensors, max_shard_bytes))
    weight_map: dict[str, str] = {}
    for number, shard in enumerate(shards, 1):
        part = f"-{number:05}-of-{len(shards):05}" if len(shards) > 1 else ""
        weight_map |= dict.fromkeys(shard, f"model{part}.safetensors")
        contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in shard.items()}
        save_file(contiguous, folder / f"model{part}.safetensors", metadata={"format": "pt"})
    if len(shards) > 1:
        total = sum(tensor.nbytes for tensor in tensors.values())
        _write_json(folder / INDEX, {"metadata": {"total_size": total}, "weight_map": weight_map})


def _save_heads(model: nn.Module, file: Path) -> None:
    """A task's heads under their names in the model; nothing where it has none."""
    heads = {n: t.contiguous() for n, t in model.state_dict().items() if n.startswith(f"{HEADS}.")}
    file.unlink(missing_ok=True)  # Of an earlier export.
    if heads:
        save_file(heads, file, metadata={"format": "pt"})


def _shards(tensors: Mapping[str, Tensor], max_bytes: int) -> Iterator[dict[str, Tensor]]:
    """Consecutive tensors of at most `max_bytes` together, or a single larger one."""
    shard: dict[str, Tensor] = {}
    num_bytes = 0
    for name, tensor in tensors.items():
        if shard and num_bytes + tensor.nbytes > max_bytes:
            yield shard
            shard, num_bytes = {}, 0
        shard[name] = tensor
        num_bytes += tensor.nbytes
    yield shard


def _save_tokenizer(tokenizer: Tokenizer, folder: Path, *, context_length: int) -> None:
    tokenizer.save(folder)
    added = _read_json(folder / "tokenizer.json").get("added_tokens", [])
    config: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": context_length,
    }
    for token in added:
        if token["id"] == tokenizer.end_of_text:
            config |= {"bos_token": token["content"], "eos_token": token["content"]}
    _write_json(folder / "tokenizer_config.json", config)


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ValueError(f"{path} does not exist: a checkpoint is a folder with config.json and safetensors")
    return json.loads(path.read_text(encoding="utf-8"))


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
