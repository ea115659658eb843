"""Llama (Touvron et al. 2023, arXiv 2307.09288): rotary positions, RMSNorm, SwiGLU, grouped queries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

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
from gpt_exp.model.parametrization import fan_in_ratios, final_states
from gpt_exp.model.prefix import with_prefix
from gpt_exp.model.rotary import Rotation, rotate, rotation_at
from gpt_exp.model.shape import INIT_STD, Shape, llama


class HeadNorm(nn.RMSNorm):
    """RMSNorm of each head's query or key, in their dtype: autocast leaves them in half precision."""

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.normalized_shape, self.weight.to(x.dtype), self.eps)


class Attention(nn.Module):
    def __init__(
        self, shape: Shape, *, layer: int, qk_norm: bool, dropout: float, norm_epsilon: float
    ) -> None:
        super().__init__()
        self.layer, self.head_dim, self.scale = layer, shape.head_dim, shape.attention_scale
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
        dropout = self.dropout.p if self.training else 0.0
        mixed = attend(query, key, value, mask=mask, dropout=dropout, scale=self.scale)
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
        init_std: float = INIT_STD,
        zero_init_residual: bool = False,
        activation_checkpointing: bool = False,
        parametrization: Literal["standard", "maximal_update"] = "standard",
        base_width: int | None = None,
        base_head_dim: int | None = None,
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
            init_std=init_std,
            zero_init_residual=zero_init_residual,
            activation_checkpointing=activation_checkpointing,
            parametrization=parametrization,
            base_width=base_width,
            base_head_dim=base_head_dim,
        )
        self.qk_norm = qk_norm
        self.init_std, self.zero_init_residual = init_std, zero_init_residual
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
        initialize(
            self,
            num_layers=self.shape.num_layers,
            std=self.init_std,
            zero_init_residual=self.zero_init_residual,
            width_ratio=self.shape.width_ratio,
        )

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
        return final_states(self.final_norm(x), self.shape)

    def output_table(self) -> Tensor:
        """What hidden states are compared with, `(vocab, embedding_dim)`."""
        return self.token_embedding.weight if self.head is None else self.head.weight

    def fan_in_ratios(self) -> dict[str, float]:
        """How many times the base's inputs a weight has, by name: see `WidthScaled`."""
        return fan_in_ratios(self, self.shape)

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
