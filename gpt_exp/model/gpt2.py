"""GPT-2 (Radford et al. 2019): learned positions, LayerNorm before each part, GELU, one tied token table."""

from __future__ import annotations

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
from gpt_exp.model.shape import INIT_STD, Shape, gpt2


class Attention(nn.Module):
    def __init__(self, shape: Shape, *, layer: int, bias: bool, dropout: float) -> None:
        super().__init__()
        self.layer, self.head_dim, self.scale = layer, shape.head_dim, shape.attention_scale
        self.query_key_value = nn.Linear(shape.embedding_dim, 3 * shape.embedding_dim, bias=bias)
        self.output = nn.Linear(shape.embedding_dim, shape.embedding_dim, bias=bias)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None, cache: KeyValueCache | None) -> Tensor:
        heads = attention_precision(self.query_key_value(x)).unflatten(-1, (-1, self.head_dim))
        query, key, value = heads.transpose(1, 2).chunk(3, dim=1)
        if cache is not None:
            key, value = cache.append(self.layer, key, value)
        dropout = self.dropout.p if self.training else 0.0
        mixed = attend(query, key, value, mask=mask, dropout=dropout, scale=self.scale)
        return self.dropout(self.output(mixed.transpose(1, 2).flatten(2).to(x.dtype)))


class MLP(nn.Module):
    def __init__(self, shape: Shape, *, bias: bool, dropout: float, exact_gelu: bool) -> None:
        super().__init__()
        self.approximation = "none" if exact_gelu else "tanh"
        self.up = nn.Linear(shape.embedding_dim, shape.hidden_dim, bias=bias)
        self.down = nn.Linear(shape.hidden_dim, shape.embedding_dim, bias=bias)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.down(F.gelu(self.up(x), approximate=self.approximation)))


class Block(nn.Module):
    def __init__(
        self,
        shape: Shape,
        *,
        layer: int,
        bias: bool,
        dropout: float,
        norm_epsilon: float,
        exact_gelu: bool,
    ) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(shape.embedding_dim, eps=norm_epsilon, bias=bias)
        self.attention = Attention(shape, layer=layer, bias=bias, dropout=dropout)
        self.mlp_norm = nn.LayerNorm(shape.embedding_dim, eps=norm_epsilon, bias=bias)
        self.mlp = MLP(shape, bias=bias, dropout=dropout, exact_gelu=exact_gelu)

    def forward(self, x: Tensor, mask: Tensor | None, cache: KeyValueCache | None) -> Tensor:
        x = x + self.attention(self.attention_norm(x), mask, cache)
        return x + self.mlp(self.mlp_norm(x))


class GPT2(nn.Module):
    """A `LanguageModel` of GPT-2's family; ValueError for sizes that do not fit together.

    `parametrization`, and the base of a maximal-update one: `gpt_exp/model/parametrization.py`.
    """

    def __init__(
        self,
        *,
        vocab_size: int,
        context_length: int,
        num_layers: int,
        num_heads: int,
        embedding_dim: int,
        bias: bool = True,
        dropout: float = 0.0,
        norm_epsilon: float = 1e-5,
        exact_gelu: bool = False,
        init_std: float = INIT_STD,
        zero_init_residual: bool = False,
        activation_checkpointing: bool = False,
        parametrization: Literal["standard", "maximal_update"] = "standard",
        base_width: int | None = None,
        base_head_dim: int | None = None,
    ) -> None:
        super().__init__()
        self.shape = gpt2(
            vocab_size=vocab_size,
            context_length=context_length,
            num_layers=num_layers,
            num_heads=num_heads,
            embedding_dim=embedding_dim,
            bias=bias,
            dropout=dropout,
            norm_epsilon=norm_epsilon,
            exact_gelu=exact_gelu,
            init_std=init_std,
            zero_init_residual=zero_init_residual,
            activation_checkpointing=activation_checkpointing,
            parametrization=parametrization,
            base_width=base_width,
            base_head_dim=base_head_dim,
        )
        self.exact_gelu = exact_gelu
        self.init_std, self.zero_init_residual = init_std, zero_init_residual
        self.token_embedding = nn.Embedding(vocab_size, embedding_dim)
        self.position_embedding = nn.Embedding(context_length, embedding_dim)
        self.dropout = Dropout(dropout)
        self.blocks = nn.ModuleList(
            Block(
                self.shape,
                layer=layer,
                bias=bias,
                dropout=dropout,
                norm_epsilon=norm_epsilon,
                exact_gelu=exact_gelu,
            )
            for layer in range(num_layers)
        )
        self.final_norm = nn.LayerNorm(embedding_dim, eps=norm_epsilon, bias=bias)
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

        `prefix` `(batch, n, embedding_dim)` replaces the embeddings of the first n, not their positions.
        ValueError where the tokens, with those in the cache, are more than `context_length`.
        """
        end = tokens.shape[1] + (cache.length if cache is not None else 0)
        if end > self.shape.context_length:
            raise ValueError(f"{end} tokens do not fit context_length={self.shape.context_length}")
        documents = all_documents(tokens, documents, cache)
        mask = attention_mask(tokens, documents, cache)
        x = with_prefix(self.token_embedding(tokens), prefix)
        x = self.dropout(x + self.position_embedding(positions(tokens, documents, cache)))
        for block in self.blocks:
            if self.shape.activation_checkpointing and self.training:
                x = checkpoint(block, x, mask, cache, use_reentrant=False)
            else:
                x = block(x, mask, cache)
        if cache is not None:
            cache.advance(tokens.shape[1], documents)
        return final_states(self.final_norm(x), self.shape)

    def fan_in_ratios(self) -> dict[str, float]:
        """How many times the base's inputs a weight has, by name: see `WidthScaled`."""
        return fan_in_ratios(self, self.shape)

    def logits(self, hidden: Tensor) -> Tensor:
        """`(batch, time, vocab)`"""
        return F.linear(hidden, self.token_embedding.weight)

    def loss(self, hidden: Tensor, targets: Tensor, *, label_smoothing: float = 0.0) -> Loss:
        """Cross-entropy of `targets` `(batch, time)`, in chunks: see `chunked_cross_entropy`."""
        return chunked_cross_entropy(
            hidden, self.token_embedding.weight, targets, label_smoothing=label_smoothing
        )

    def new_cache(self, batch_size: int, max_length: int) -> KeyValueCache:
        """An empty cache for `max_length` tokens a row."""
        return KeyValueCache(self.shape, batch_size=batch_size, max_length=max_length)
