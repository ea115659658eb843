"""Hugging Face's `GPT2LMHeadModel`, and the hub's older files without "transformer."."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from gpt_exp.model.gpt2 import GPT2
from gpt_exp.model.parametrization import standard_state

# Keys of config.json that change the logits, and the values that GPT2 can follow; no key means the first.
SUPPORTED: Mapping[str, tuple[Any, ...]] = {
    "activation_function": ("gelu_new", "gelu_pytorch_tanh", "gelu"),
    "scale_attn_weights": (True,),
    "scale_attn_by_inverse_layer_idx": (False,),
    "add_cross_attention": (False,),
    "tie_word_embeddings": (True,),
}

_NAMES = (
    ("token_embedding", "transformer.wte"),
    ("position_embedding", "transformer.wpe"),
    ("final_norm", "transformer.ln_f"),
    ("blocks.", "transformer.h."),
    ("attention_norm", "ln_1"),
    ("mlp_norm", "ln_2"),
    ("attention.query_key_value", "attn.c_attn"),
    ("attention.output", "attn.c_proj"),
    ("mlp.up", "mlp.c_fc"),
    ("mlp.down", "mlp.c_proj"),
)


def from_config(config: Mapping[str, Any], **overrides: Any) -> GPT2:
    """The network that a config.json describes."""
    embedding_dim = config["n_embd"]
    if config.get("n_inner") not in (None, 4 * embedding_dim):
        raise ValueError(f"n_inner={config['n_inner']} is not supported, only 4 * n_embd={4 * embedding_dim}")
    arguments = {
        "vocab_size": config["vocab_size"],
        "context_length": config["n_positions"],
        "num_layers": config["n_layer"],
        "num_heads": config["n_head"],
        "embedding_dim": embedding_dim,
        "norm_epsilon": config.get("layer_norm_epsilon", 1e-5),
        "exact_gelu": config.get("activation_function") == "gelu",
    }
    return GPT2(**(arguments | overrides))


def to_config(model: GPT2) -> dict[str, Any]:
    """The config.json of `model`."""
    return {
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "vocab_size": model.shape.vocab_size,
        "n_positions": model.shape.context_length,
        "n_embd": model.shape.embedding_dim,
        "n_layer": model.shape.num_layers,
        "n_head": model.shape.num_heads,
        "activation_function": "gelu" if model.exact_gelu else "gelu_new",
        "layer_norm_epsilon": model.final_norm.eps,
        "embd_pdrop": model.dropout.p,
        "attn_pdrop": model.dropout.p,
        "resid_pdrop": model.dropout.p,
        "tie_word_embeddings": True,
    }


def from_tensors(tensors: Mapping[str, Tensor], model: GPT2) -> dict[str, Tensor]:
    """Our state from theirs, whose projections (`Conv1D`) are stored transposed."""
    state = {}
    for name, tensor in tensors.items():
        if name.endswith((".attn.bias", ".attn.masked_bias", "lm_head.weight")):
            continue  # Causal masks, and the tied table a second time.
        name = "transformer." + name.removeprefix("transformer.")
        is_projection = tensor.ndim == 2 and ".c_" in name
        for ours, theirs in _NAMES:
            name = name.replace(theirs, ours)
        state[name] = tensor.T if is_projection else tensor
    if "position_embedding.weight" in state:
        state["position_embedding.weight"] = state["position_embedding.weight"][: model.shape.context_length]
    return state


def to_tensors(model: GPT2) -> dict[str, Tensor]:
    """Their state from ours; where ours has no biases, theirs has zeros."""
    tensors = {}
    for name, tensor in standard_state(model, model.shape).items():
        for ours, theirs in _NAMES:
            name = name.replace(ours, theirs)
        tensors[name] = tensor.T if tensor.ndim == 2 and ".c_" in name else tensor
        if name.endswith("weight") and "transformer.w" not in name:  # A bias that there is comes next.
            tensors[name.removesuffix("weight") + "bias"] = tensor.new_zeros(tensor.shape[0])
    return tensors
