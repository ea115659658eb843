"""The sizes of a decoder and what they cost, known before any tensor is made. Imports no torch.

One function a family, named as the family's module and called by its network's constructor with all of its
arguments: every mistake in an argument is found here, and the same with torch and without.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

# What `rope_scaling` must hold: the names of Llama 3's config.json.
ROPE_SCALING_KEYS = ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings")
INIT_STD = 0.02  # Of the first weights: GPT-2's.


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Sizes of a decoder with its exact parameter count, and estimates of its compute and memory."""

    vocab_size: int
    context_length: int
    num_layers: int
    num_heads: int
    num_key_value_heads: int
    head_dim: int
    embedding_dim: int
    hidden_dim: int  # Width of the MLP.
    num_parameters: int
    num_embedding_parameters: int  # Token table, position table and an output table of its own.
    num_lookup_parameters: int  # Those of them that are only looked up, never multiplied with.
    num_block_activations: int  # Values that a block keeps for its backward pass, a token.
    activation_checkpointing: bool = False
    width_ratio: float = 1.0  # embedding_dim by that of the base: gpt_exp/model/parametrization.py.
    attention_scale: float | None = None  # Of the scores; None: 1 / sqrt(head_dim).

    @property
    def num_parameters_without_embeddings(self) -> int:
        """The N of scaling laws (Kaplan et al. 2020, arXiv 2001.08361, section 2.1)."""
        return self.num_parameters - self.num_embedding_parameters

    def forward_flops_per_token(self, context_length: int | None = None) -> int:
        """2 N + 4 L d T: a multiplication and an addition a weight, and attention counted uncausally."""
        multiplied = self.num_parameters - self.num_lookup_parameters
        attention_dim = self.num_heads * self.head_dim
        return 2 * multiplied + 4 * self.num_layers * attention_dim * (context_length or self.context_length)

    def flops_per_token(self, context_length: int | None = None) -> int:
        """6 N + 12 L d T, forward and backward (PaLM, arXiv 2204.02311, appendix B; no recomputation)."""
        return 3 * self.forward_flops_per_token(context_length)

    def activation_bytes(self, micro_batch_size: float, *, precision_bytes: int = 2) -> float:
        """What the blocks keep for the backward pass, estimated (after arXiv 2205.05198, section 4.1)."""
        values = self.num_layers * self.num_block_activations
        if self.activation_checkpointing:  # The input of every block, and one block made again.
            values = self.num_layers * self.embedding_dim + self.num_block_activations
        return micro_batch_size * self.context_length * values * precision_bytes


def gpt2(
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
) -> Shape:
    """The shape of `gpt_exp.model.gpt2.GPT2`; ValueError for arguments that make none."""
    _check_sizes(
        vocab_size=vocab_size,
        context_length=context_length,
        num_layers=num_layers,
        num_heads=num_heads,
        embedding_dim=embedding_dim,
    )
    _check_divisible(embedding_dim, num_heads)
    _check_probability(dropout=dropout)
    _check_positive(norm_epsilon=norm_epsilon, init_std=init_std)

    head_dim, hidden_dim = embedding_dim // num_heads, 4 * embedding_dim
    block = 4 * embedding_dim**2 + 2 * embedding_dim * hidden_dim + 2 * embedding_dim
    biases = 2 * embedding_dim + 4 * embedding_dim + hidden_dim + embedding_dim
    tokens, positions = vocab_size * embedding_dim, context_length * embedding_dim
    final_norm = embedding_dim * (1 + bias)
    return Shape(
        vocab_size=vocab_size,
        context_length=context_length,
        num_layers=num_layers,
        num_heads=num_heads,
        num_key_value_heads=num_heads,
        head_dim=head_dim,
        embedding_dim=embedding_dim,
        hidden_dim=hidden_dim,
        num_parameters=tokens + positions + num_layers * (block + bias * biases) + final_norm,
        num_embedding_parameters=tokens + positions,
        num_lookup_parameters=positions,
        # In and out of two norms; query, key, value and their attention; in and out of the GELU.
        num_block_activations=4 * embedding_dim + 4 * embedding_dim + 2 * hidden_dim,
        activation_checkpointing=activation_checkpointing,
        **_scales(parametrization, base_width, base_head_dim, embedding_dim, head_dim),
    )


def llama(
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
) -> Shape:
    """The shape of `gpt_exp.model.llama.Llama`; ValueError for arguments that make none.

    None for `num_key_value_heads` is `num_heads`, for `head_dim` is `embedding_dim / num_heads`, and for
    `hidden_dim` is 8/3 of `embedding_dim` (as many parameters as GPT-2's), up to the next multiple of 64.
    """
    _check_sizes(
        vocab_size=vocab_size,
        context_length=context_length,
        num_layers=num_layers,
        num_heads=num_heads,
        embedding_dim=embedding_dim,
    )
    if num_key_value_heads is None:
        num_key_value_heads = num_heads
    if head_dim is None:
        _check_divisible(embedding_dim, num_heads, rotary=True)
        head_dim = embedding_dim // num_heads
    if hidden_dim is None:
        hidden_dim = -(-8 * embedding_dim // (3 * 64)) * 64
    _check_sizes(num_key_value_heads=num_key_value_heads, head_dim=head_dim, hidden_dim=hidden_dim)
    _check_llama(num_heads, num_key_value_heads, head_dim, rope_scaling)
    _check_probability(dropout=dropout)
    _check_positive(norm_epsilon=norm_epsilon, rope_theta=rope_theta, init_std=init_std)
    if logit_softcap is not None:
        _check_positive(logit_softcap=logit_softcap)
    if z_loss < 0:
        raise ValueError(f"z_loss must be at least 0, not {z_loss!r}")

    query_dim, key_value_dim = num_heads * head_dim, num_key_value_heads * head_dim
    attention = embedding_dim * (2 * query_dim + 2 * key_value_dim) + qk_norm * 2 * head_dim
    block = attention + 3 * embedding_dim * hidden_dim + 2 * embedding_dim
    table = vocab_size * embedding_dim
    return Shape(
        vocab_size=vocab_size,
        context_length=context_length,
        num_layers=num_layers,
        num_heads=num_heads,
        num_key_value_heads=num_key_value_heads,
        head_dim=head_dim,
        embedding_dim=embedding_dim,
        hidden_dim=hidden_dim,
        num_parameters=table * (2 - tied) + num_layers * block + embedding_dim,
        num_embedding_parameters=table * (2 - tied),
        num_lookup_parameters=table * (1 - tied),
        # In and out of two norms; query, key, value and their attention; gate, its SiLU, up, and the product.
        num_block_activations=4 * embedding_dim + 2 * query_dim + 2 * key_value_dim + 4 * hidden_dim,
        activation_checkpointing=activation_checkpointing,
        **_scales(parametrization, base_width, base_head_dim, embedding_dim, head_dim),
    )


def _scales(
    parametrization: str,
    base_width: int | None,
    base_head_dim: int | None,
    embedding_dim: int,
    head_dim: int,
) -> dict[str, float]:
    """What a maximal-update parametrisation adds to `Shape`; the standard one reads no base."""
    if parametrization == "standard":
        return {}
    if parametrization != "maximal_update":
        raise ValueError(f"parametrization must be standard or maximal_update, not {parametrization!r}")
    if base_width is None or base_head_dim is None:
        raise ValueError(
            "parametrization=maximal_update needs base_width and base_head_dim: embedding_dim and head_dim "
            "of the model whose learning rate is taken over"
        )
    _check_sizes(base_width=base_width, base_head_dim=base_head_dim)
    scales = {"width_ratio": embedding_dim / base_width}
    if head_dim != base_head_dim:
        scales["attention_scale"] = math.sqrt(base_head_dim) / head_dim
    return scales


def _check_sizes(**sizes: int) -> None:
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, not {size!r}")


def _check_positive(**values: float) -> None:
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"{name} must be above 0, not {value!r}")


def _check_probability(**values: float) -> None:
    for name, value in values.items():
        if not 0 <= value < 1:
            raise ValueError(f"{name} must be at least 0 and below 1, not {value!r}")


def _check_divisible(embedding_dim: int, num_heads: int, *, rotary: bool = False) -> None:
    step = 2 * num_heads if rotary else num_heads  # Rotary positions turn pairs of a head's dimensions.
    if embedding_dim % step:
        below = embedding_dim // step * step
        nearest = f"{below} or {below + step}" if below else f"{step}"
        divisor = f"2 * num_heads={step}" if rotary else f"num_heads={num_heads}"
        raise ValueError(f"embedding_dim={embedding_dim} is not a multiple of {divisor}; nearest: {nearest}")


def _check_llama(
    num_heads: int, num_key_value_heads: int, head_dim: int, rope_scaling: Mapping[str, float] | None
) -> None:
    if num_heads % num_key_value_heads:
        allowed = [n for n in range(1, num_heads + 1) if num_heads % n == 0]
        raise ValueError(
            f"num_heads={num_heads} is not a multiple of num_key_value_heads={num_key_value_heads}; "
            f"allowed: {', '.join(map(str, allowed))}"
        )
    if head_dim % 2:
        raise ValueError(f"head_dim={head_dim} must be even for rotary positions; nearest: {head_dim + 1}")
    if rope_scaling is not None and set(rope_scaling) != set(ROPE_SCALING_KEYS):
        raise ValueError(
            f"rope_scaling must be null or hold {', '.join(ROPE_SCALING_KEYS)}, not {', '.join(rope_scaling)}"
        )
