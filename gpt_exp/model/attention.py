"""What every family's attention shares: who sees whom, positions, the key-value cache."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gpt_exp.model.dropout import by_bytes, keep_mask, keep_scale
from gpt_exp.model.shape import Shape

QUERY_BLOCK = 128  # Queries whose scores are made at once, in attention written out.


class KeyValueCache:
    """Keys and values of the tokens read so far, at fixed addresses: a decoding step copies only its own."""

    def __init__(self, shape: Shape, *, batch_size: int, max_length: int) -> None:
        self.size = (batch_size, shape.num_key_value_heads, max_length, shape.head_dim)
        self.max_length = max_length
        self.length = 0  # Tokens held; set to 0 to use the memory again.
        self.documents: Tensor | None = None  # Of the tokens held, (batch, length); None: one a row.
        self.layers: list[tuple[Tensor, Tensor] | None] = [None] * shape.num_layers

    def append(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """All keys and values of a layer, these last, `(batch, heads, length + time, head_dim)`."""
        end = self.length + key.shape[2]
        if end > self.max_length:
            raise ValueError(f"{end} tokens do not fit a key-value cache of max_length={self.max_length}")
        held = self.layers[layer]
        if held is None:  # Only now are dtype (autocast's) and device known.
            held = self.layers[layer] = (key.new_empty(self.size), value.new_empty(self.size))
        keys, values = held
        keys[:, :, self.length : end] = key
        values[:, :, self.length : end] = value
        return keys[:, :, :end], values[:, :, :end]

    def advance(self, num_tokens: int, documents: Tensor | None = None) -> None:
        """Count the tokens that every layer has appended; `documents` are those of all tokens now held."""
        self.length += num_tokens
        self.documents = documents

    def select(self, rows: Tensor) -> None:
        """Keep the given rows in the given order, `(new batch,)`: some more than once, others not at all."""
        self.size = (len(rows), *self.size[1:])
        self.layers = [
            None if held is None else (held[0].index_select(0, rows), held[1].index_select(0, rows))
            for held in self.layers
        ]
        self.documents = None if self.documents is None else self.documents.index_select(0, rows)


def all_documents(tokens: Tensor, documents: Tensor | None, cache: KeyValueCache | None) -> Tensor | None:
    """The document of each token held and of `tokens`, `(batch, length + time)`; None: one a row.

    Tokens that come without documents go on with the one in which their row's cache ends.
    """
    if cache is None or cache.length == 0:
        return documents
    held = cache.documents
    if held is None:
        if documents is not None:
            raise ValueError("this cache was begun without documents: give them from the first tokens on")
        return None
    new = held[:, -1:].expand(-1, tokens.shape[1]) if documents is None else documents
    return torch.cat([held, new], dim=1)


def positions(tokens: Tensor, documents: Tensor | None, cache: KeyValueCache | None) -> Tensor:
    """Each token's place in its document, `(batch or 1, time)`; `documents` are `all_documents`."""
    start = cache.length if cache is not None else 0
    index = torch.arange(start + tokens.shape[1], device=tokens.device)[None]
    if documents is None:
        return index[:, start:]
    is_first = F.pad(documents[:, 1:] != documents[:, :-1], (1, 0))
    return (index - (index * is_first).cummax(1).values)[:, start:]


def attention_mask(tokens: Tensor, documents: Tensor | None, cache: KeyValueCache | None) -> Tensor | None:
    """True where a query (row) sees a key (column), `(batch or 1, 1, time, length)`; None: plain causal.

    `documents` are `all_documents`.
    """
    time, past = tokens.shape[1], cache.length if cache is not None else 0
    if documents is None and (past == 0 or time == 1):
        return None
    is_past = torch.ones(time, past + time, dtype=torch.bool, device=tokens.device).tril(past)[None, None]
    if documents is None:
        return is_past
    return is_past & (documents[:, None, past:, None] == documents[:, None, None, :])


def attention_precision(query_key_value: Tensor) -> Tensor:
    """fp32 on the CPU, where attention's backward takes twice the time in bf16; unchanged elsewhere."""
    is_half = query_key_value.dtype in (torch.bfloat16, torch.float16)
    return query_key_value.float() if is_half and query_key_value.device.type == "cpu" else query_key_value


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    mask: Tensor | None,
    dropout: float,
    scale: float | None = None,
) -> Tensor:
    """Softmax attention, `(batch, heads, time, head_dim)`; groups of queries share the fewer key heads.

    Scores are products times `scale`; None: 1 / sqrt(head_dim).
    """
    if dropout > 0 and by_bytes(query):
        return attend_with_dropout(query, key, value, mask=mask, dropout=dropout, scale=scale)
    groups = query.shape[1] // key.shape[1]
    if mask is not None and groups > 1:  # CUDA's kernel for masks knows no groups.
        key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    return F.scaled_dot_product_attention(
        query,
        key,
        value,
        attn_mask=mask,
        dropout_p=dropout,
        scale=scale,
        is_causal=mask is None and query.shape[2] > 1,  # A single query is the newest token: it sees all.
        enable_gqa=query.shape[1] != key.shape[1],
    )


def attend_with_dropout(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    mask: Tensor | None,
    dropout: float,
    scale: float | None = None,
) -> Tensor:
    """The same written out for the CPU, whose fused kernel knows no dropout: in a third of torch's time.

    A block of queries at a time: what lies after its last query is not computed.
    """
    groups, length = query.shape[1] // key.shape[1], key.shape[2]
    if groups > 1:
        key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    if mask is None:
        mask = torch.ones(query.shape[2], length, dtype=torch.bool, device=query.device).tril()
    bias = torch.zeros(mask.shape, dtype=query.dtype, device=query.device).masked_fill_(~mask, -torch.inf)
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    query, past = query * scale, length - query.shape[2]
    mixed = []
    for start in range(0, query.shape[2], QUERY_BLOCK):
        rows = slice(start, start + QUERY_BLOCK)
        end = min(past + rows.stop, length)
        scores = query[:, :, rows] @ key[:, :, :end].mT + bias[..., rows, :end]
        kept = scores.softmax(-1) * keep_mask(scores.shape, dropout, scores.dtype)
        mixed.append(kept @ value[:, :, :end])
    return torch.cat(mixed, 2) * keep_scale(dropout)
