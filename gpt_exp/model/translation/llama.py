"""Hugging Face's `LlamaForCausalLM`, and with `qk_norm` its twin `Qwen3ForCausalLM`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from gpt_exp.model.llama import Llama
from gpt_exp.model.parametrization import standard_state
from gpt_exp.model.shape import ROPE_SCALING_KEYS

# Keys of config.json that change the logits, and the values that Llama can follow; no key means the first.
SUPPORTED: Mapping[str, tuple[Any, ...]] = {
    "hidden_act": ("silu",),
    "attention_bias": (False,),
    "mlp_bias": (False,),
    "use_sliding_window": (False,),
}

_NAMES = (
    ("token_embedding", "model.embed_tokens"),
    ("final_norm", "model.norm"),
    ("head.", "lm_head."),
    ("blocks.", "model.layers."),
    ("attention_norm", "input_layernorm"),
    ("mlp_norm", "post_attention_layernorm"),
    ("attention.query_norm", "self_attn.q_norm"),
    ("attention.key_norm", "self_attn.k_norm"),
    ("attention.output", "self_attn.o_proj"),
    ("mlp.gate", "mlp.gate_proj"),
    ("mlp.up", "mlp.up_proj"),
    ("mlp.down", "mlp.down_proj"),
)
_FUSED = "attention.query_key_value.weight"
_PARTS = ("self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight")


def from_config(config: Mapping[str, Any], **overrides: Any) -> Llama:
    """The network that a config.json describes."""
    theta, scaling = _rope(config)
    arguments = {
        "vocab_size": config["vocab_size"],
        "context_length": config["max_position_embeddings"],
        "num_layers": config["num_hidden_layers"],
        "num_heads": config["num_attention_heads"],
        "embedding_dim": config["hidden_size"],
        "num_key_value_heads": config.get("num_key_value_heads"),
        "head_dim": config.get("head_dim"),
        "hidden_dim": config["intermediate_size"],
        "tied": config.get("tie_word_embeddings", False),
        "qk_norm": config["model_type"] == "qwen3",
        "rope_theta": theta,
        "rope_scaling": scaling,
        "norm_epsilon": config.get("rms_norm_eps", 1e-6),
    }
    return Llama(**(arguments | overrides))


def to_config(model: Llama) -> dict[str, Any]:
    """The config.json of `model`; ValueError for what transformers' class has not."""
    if model.logit_softcap is not None:
        raise ValueError(f"logit_softcap={model.logit_softcap} has no place in Hugging Face's Llama layout")
    scaling = model.rope_scaling
    return {
        "model_type": "qwen3" if model.qk_norm else "llama",
        "architectures": ["Qwen3ForCausalLM" if model.qk_norm else "LlamaForCausalLM"],
        "vocab_size": model.shape.vocab_size,
        "max_position_embeddings": model.shape.context_length,
        "hidden_size": model.shape.embedding_dim,
        "intermediate_size": model.shape.hidden_dim,
        "num_hidden_layers": model.shape.num_layers,
        "num_attention_heads": model.shape.num_heads,
        "num_key_value_heads": model.shape.num_key_value_heads,
        "head_dim": model.shape.head_dim,
        "hidden_act": "silu",
        "attention_bias": False,
        "rms_norm_eps": model.final_norm.eps,
        "rope_theta": model.rope_theta,
        "rope_scaling": None if scaling is None else {"rope_type": "llama3", **scaling},
        "tie_word_embeddings": model.head is None,
    }


def from_tensors(tensors: Mapping[str, Tensor], model: Llama) -> dict[str, Tensor]:
    """Our state from theirs: queries, keys and values become one projection."""
    state = {}
    for name, tensor in tensors.items():
        if name.endswith(_PARTS[0]):
            stem = name.removesuffix(_PARTS[0])
            name, tensor = stem + _FUSED, torch.cat([tensors[stem + part] for part in _PARTS])
        elif name.endswith((*_PARTS[1:], "rotary_emb.inv_freq")):
            continue
        elif name == "lm_head.weight" and model.head is None:
            continue  # The tied table a second time.
        for ours, theirs in _NAMES:
            name = name.replace(theirs, ours)
        state[name] = tensor
    return state


def to_tensors(model: Llama) -> dict[str, Tensor]:
    """Their state from ours."""
    shape = model.shape
    key_rows = shape.num_key_value_heads * shape.head_dim
    rows = [shape.num_heads * shape.head_dim, key_rows, key_rows]
    tensors: dict[str, Tensor] = {}
    for name, tensor in standard_state(model, model.shape).items():
        for ours, theirs in _NAMES:
            name = name.replace(ours, theirs)
        if name.endswith(_FUSED):
            stem = name.removesuffix(_FUSED)
            tensors |= zip([stem + part for part in _PARTS], tensor.split(rows), strict=True)
        else:
            tensors[name] = tensor
    return tensors


def _rope(config: Mapping[str, Any]) -> tuple[float, dict[str, float] | None]:
    """Base and scaling, which transformers 5 writes to "rope_parameters" and earlier ones to two keys."""
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    theta = rope.get("rope_theta", config.get("rope_theta", 10_000.0))
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind not in ("default", "llama3"):
        raise ValueError(f"rope_type={kind!r} is not supported, only 'default' and 'llama3'")
    if kind == "default":
        return theta, None
    original = {"original_max_position_embeddings": config["max_position_embeddings"]}
    return theta, {key: (original | rope)[key] for key in ROPE_SCALING_KEYS}
