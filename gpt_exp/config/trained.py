"""What an adapter lets train, and what that saves. Estimates, without torch."""

from __future__ import annotations

from typing import Any

from gpt_exp.config.feasibility import get

FROZEN = ("head", "frozen")
MLP_MATRICES = 3  # Llama's; GPT-2 has two.


def num_trained(config: dict[str, Any], shape: Any) -> float:
    """Parameters that train, about; heads of a task are not counted."""
    own = [node["adapter"] for node in _tasks(config) if node.get("adapter")]
    return _of_all(config, shape) + sum(_low_rank(node, shape) for node in own)


def _of_all(config: dict[str, Any], shape: Any) -> float:
    """Of those that all tasks share."""
    kind = _adapter(config)
    if kind in FROZEN:
        return 0.0
    if kind == "last_layers":
        return _share_of_blocks(config, shape) * shape.num_parameters_without_embeddings
    if kind == "lora":
        tables = shape.num_embedding_parameters if get(config, "adapter.train_embeddings") else 0
        return tables + _low_rank(config["adapter"], shape)
    return shape.num_parameters


def _low_rank(node: dict[str, Any], shape: Any) -> float:
    return get(node, "rank", 8) * shape.num_layers * _widths(shape)


def compute_share(config: dict[str, Any], shape: Any) -> float:
    """Of the compute of a pass forward and backward through all: frozen weights want no gradients.

    A third of it is the forward pass, a third each the gradients of activations and of weights. Two
    passes of R-Drop count twice.
    """
    passes = 2 if get(config, "module.r_drop", 0) else 1
    kind = _adapter(config)
    if any(node.get("adapter") for node in _tasks(config)):
        kind = "lora" if kind in (*FROZEN, "last_layers") else kind  # Gradients go through all blocks.
    if kind in FROZEN:
        return passes * 1 / 3
    if kind == "last_layers":
        return passes * (1 + 2 * _share_of_blocks(config, shape)) / 3
    return passes * (2 / 3 if kind == "lora" else 1.0)


def _tasks(config: dict[str, Any]) -> list[dict[str, Any]]:
    return [node for node in (config.get("tasks") or {}).values() if isinstance(node, dict)]


def _adapter(config: dict[str, Any]) -> str:
    return str(get(config, "adapter._target_", "")).rpartition(".")[2]


def _share_of_blocks(config: dict[str, Any], shape: Any) -> float:
    return min(1.0, get(config, "adapter.num_layers", shape.num_layers) / shape.num_layers)


def _widths(shape: Any) -> int:
    """Inputs and outputs of a block's matrices: so many parameters has a rank."""
    query, key_value = shape.num_heads * shape.head_dim, 2 * shape.num_key_value_heads * shape.head_dim
    attention = (shape.embedding_dim + query + key_value) + (query + shape.embedding_dim)
    return attention + MLP_MATRICES * (shape.embedding_dim + shape.hidden_dim)
