"""Llama (Touvron et al. 2023, arXiv 2307.09288): rotary positions, RMSNorm, SwiGLU, grouped queries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from gpt_exp.interfaces import Loss
from gpt_exp.model.attention import (
    KeyValueCache,
    all_documents,
    attend,
    attention_mask,
    attention_precision,
    positions,
)
from gpt_exp.model.dropout import Dropout
from gpt_exp.model.initialization import initialize
from gpt_exp.model.loss import chunked_cross_entropy
from gpt_exp.model.prefix import with_prefix
from gpt_exp.model.rotary import Rotation, rotate, rotation_at
from gpt_exp.model.shape import ROPE_SCALING_KEYS, Shape, llama


class HeadNorm(nn.RMSNorm):
    """RMSNorm of each head's query or key, in their dtype: autocast leaves them in half precision."""

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.normalized_shape, self.weight.to(x.dtype), self.eps)


class Attention(nn.Module):
    def __init__(
        self, shape: Shape, *, layer: int, qk_norm: bool, dropout: float, norm_epsilon: float
    ) -> None:
        super().__init__()
        self.layer, self.head_dim = layer, shape.head_dim
        self.num_heads = [shape.num_heads, shape.num_key_value_heads, shape.num_key_value_heads]
        query_dim = shape.num_heads * shape.head_dim
        self.query_key_value = nn.Linear(
            shape.embedding_dim, sum(self.num_heads) * shape.head_dim, bias=False
        )
        self.query_norm = HeadNorm(shape.head_dim, eps=norm_epsilon) if qk_norm else nn.Identity()
        self.key_norm = HeadNorm(shape.head_dim, eps=norm_epsilon) if qk_norm else nn.Identity()
        self.output = nn.Linear(query_dim, shape.embedding_dim, bias=False)
        self.dropout = Dropout(dropout)

    def forward(
        self, x: Tensor, rotation: Rotation, mask: Tensor | None, cache: KeyValueCache | None
    ) -> Tensor:
        heads = attention_precision(self.query_key_value(x)).unflatten(-1, (-1, self.head_dim))
        query, key, value = heads.transpose(1, 2).split(self.num_heads, dim=1)
        query, key = rotate(self.query_norm(query), rotation), rotate(self.key_norm(key), rotation)
        if cache is not None:
            key, value = cache.append(self.layer, key, value)
        mixed = attend(query, key, value, mask=mask, dropout=self.dropout.p if self.training else 0.0)
        return self.dropout(self.output(mixed.transpose(1, 2).flatten(2).to(x.dtype)))


class MLP(nn.Module):
    """SwiGLU (Shazeer 2020, arXiv 2002.05202)."""

    def __init__(self, shape: Shape, *, dropout: float) -> None:
        super().__init__()
        self.gate = nn.Linear(shape.embedding_dim, shape.hidden_dim, bias=False)
        self.up = nn.Linear(shape.embedding_dim, shape.hidden_dim, bias=False)
        self.down = nn.Linear(shape.hidden_dim, shape.embedding_dim, bias=False)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.down(F.silu(self.gate(x)) * self.up(x)))


class Block(nn.Module):
    def __init__(
        self, shape: Shape, *, layer: int, qk_norm: bool, dropout: float, norm_epsilon: float
    ) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(shape.embedding_dim, eps=norm_epsilon)
        self.attention = Attention(
            shape, layer=layer, qk_norm=qk_norm, dropout=dropout, norm_epsilon=norm_epsilon
        )
        self.mlp_norm = nn.RMSNorm(shape.embedding_dim, eps=norm_epsilon)
        self.mlp = MLP(shape, dropout=dropout)

    def forward(
        self, x: Tensor, rotation: Rotation, mask: Tensor | None, cache: KeyValueCache | None
    ) -> Tensor:
        x = x + self.attention(self.attention_norm(x), rotation, mask, cache)
        return x + self.mlp(self.mlp_norm(x))


class Llama(nn.Module):
    """A `LanguageModel` of Llama's family; ValueError for sizes that do not fit together.

    Beyond Llama: `qk_norm` (Qwen3's), `logit_softcap` (Gemma 2's), `z_loss` (PaLM's, in training only).
    """

    def __init__(
        self,
        *,
        vocab_size: int,
        context_length: int,
        num_layers: int,
        num_heads: int,
        embedding_dim: int,
        num_key_value_heads: int | None = None,
        head_dim: int | None = None,
        hidden_dim: int | None = None,
        tied: bool = False,
        qk_norm: bool = False,
        logit_softcap: float | None = None,
        z_loss: float = 0.0,
        rope_theta: float = 10_000.0,
        rope_scaling: Mapping[str, float] | None = None,
        dropout: float = 0.0,
        norm_epsilon: float = 1e-5,
        zero_init_residual: bool = False,
        activation_checkpointing: bool = False,
    ) -> None:
        super().__init__()
        self.shape = llama(
            vocab_size=vocab_size,
            context_length=context_length,
            num_layers=num_layers,
            num_heads=num_heads,
            embedding_dim=embedding_dim,
            num_key_value_heads=num_key_value_heads,
            head_dim=head_dim,
            hidden_dim=hidden_dim,
            tied=tied,
            qk_norm=qk_norm,
            logit_softcap=logit_softcap,
            z_loss=z_loss,
            rope_theta=rope_theta,
            rope_scaling=rope_scaling,
            dropout=dropout,
            norm_epsilon=norm_epsilon,
            zero_init_residual=zero_init_residual,
            activation_checkpointing=activation_checkpointing,
        )
        self.qk_norm, self.zero_init_residual = qk_norm, zero_init_residual
        self.rope_theta = rope_theta
        self.rope_scaling = None if rope_scaling is None else dict(rope_scaling)
        self.logit_softcap, self.z_loss = logit_softcap, z_loss
        self.token_embedding = nn.Embedding(vocab_size, embedding_dim)
        self.dropout = Dropout(dropout)
        self.blocks = nn.ModuleList(
            Block(self.shape, layer=layer, qk_norm=qk_norm, dropout=dropout, norm_epsilon=norm_epsilon)
            for layer in range(num_layers)
        )
        self.final_norm = nn.RMSNorm(embedding_dim, eps=norm_epsilon)
        self.head = None if tied else nn.Linear(embedding_dim, vocab_size, bias=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw first weights, in place: also after `to_empty` of a model made on the meta device."""
        initialize(self, num_layers=self.shape.num_layers, zero_init_residual=self.zero_init_residual)

    def forward(
        self,
        tokens: Tensor,
        *,
        documents: Tensor | None = None,
        cache: KeyValueCache | None = None,
        prefix: Tensor | None = None,
    ) -> Tensor:
        """Final hidden states `(batch, time, embedding_dim)` of `tokens` `(batch, time)`.

        `prefix` `(batch, n, embedding_dim)` replaces the embeddings of the first n.
        """
        documents = all_documents(tokens, documents, cache)
        rotation = rotation_at(
            positions(tokens, documents, cache),
            head_dim=self.shape.head_dim,
            theta=self.rope_theta,
            scaling=self.rope_scaling,
        )
        mask = attention_mask(tokens, documents, cache)
        x = self.dropout(with_prefix(self.token_embedding(tokens), prefix))
        for block in self.blocks:
            if self.shape.activation_checkpointing and self.training:
                x = checkpoint(block, x, rotation, mask, cache, use_reentrant=False)
            else:
                x = block(x, rotation, mask, cache)
        if cache is not None:
            cache.advance(tokens.shape[1], documents)
        return self.final_norm(x)

    def output_table(self) -> Tensor:
        """What hidden states are compared with, `(vocab, embedding_dim)`."""
        return self.token_embedding.weight if self.head is None else self.head.weight

    def logits(self, hidden: Tensor) -> Tensor:
        """`(batch, time, vocab)`"""
        logits = F.linear(hidden, self.output_table())
        if self.logit_softcap is None:
            return logits
        return self.logit_softcap * (logits / self.logit_softcap).tanh()

    def loss(self, hidden: Tensor, targets: Tensor, *, label_smoothing: float = 0.0) -> Loss:
        """Cross-entropy of `targets` `(batch, time)`, in chunks: see `chunked_cross_entropy`."""
        return chunked_cross_entropy(
            hidden,
            self.output_table(),
            targets,
            softcap=self.logit_softcap,
            z_loss=self.z_loss if self.training else 0.0,
            label_smoothing=label_smoothing,
        )

    def new_cache(self, batch_size: int, max_length: int) -> KeyValueCache:
        """An empty cache for `max_length` tokens a row."""
        return KeyValueCache(self.shape, batch_size=batch_size, max_length=max_length)


# Hugging Face's layout: `LlamaForCausalLM` of transformers, and with `qk_norm` its twin `Qwen3ForCausalLM`.

# Keys of config.json that change the logits, and the values that Llama can follow; no key means the first.
HUGGING_FACE_SUPPORTED: Mapping[str, tuple[Any, ...]] = {
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


def from_hugging_face_config(config: Mapping[str, Any], **overrides: Any) -> Llama:
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


def hugging_face_config(model: Llama) -> dict[str, Any]:
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


def from_hugging_face(tensors: Mapping[str, Tensor], model: Llama) -> dict[str, Tensor]:
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


def to_hugging_face(model: Llama) -> dict[str, Tensor]:
    """Their state from ours."""
    shape = model.shape
    key_rows = shape.num_key_value_heads * shape.head_dim
    rows = [shape.num_heads * shape.head_dim, key_rows, key_rows]
    tensors: dict[str, Tensor] = {}
    for name, tensor in model.state_dict().items():
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
