"""What a model sees of the sequences that it continues, and what of it lies in a key-value cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from gpt_exp.interfaces import Model, Prompts

PADDING, TEXT = 0, 1  # The documents of a padded row.
TOLERANCE = {True: 1e-2, False: 5e-2}  # Of hidden states that should be equal, with weights in fp32 or not.


class Context:
    """Rows of tokens of any lengths, each read once; a row that is full is read again, its last half only.

    Shorter rows are padded in front with a document of its own, which changes neither places nor attention;
    where the model ignores documents, rows of each length are read apart, all of them for every token.
    Raises ValueError for a prompt without tokens.
    """

    def __init__(
        self, model: Model, prompts: Prompts, *, max_new_tokens: int, use_cache: bool = True
    ) -> None:
        if not all(prompts):
            raise ValueError("a prompt has one token at least")
        self.model, self.device = model, device_of(model)
        self.limit, self.max_new_tokens = model.shape.context_length, max_new_tokens
        self.use_cache = use_cache
        self.cache: Any = None
        self.documents: Tensor | None = None
        self.rows = [list(prompt) for prompt in prompts]  # All of their tokens, seen or not.
        self.starts = [max(0, len(row) - self.limit) for row in self.rows]  # Where the model begins to see.
        self._read_again()

    def logits(self) -> Tensor:
        """Of the next token of each row, `(batch, vocab)`, in fp32."""
        if self.documents is not None and not self._can_pad:
            return self._logits_by_length()
        hidden = self.model(self.unread, documents=self.documents, cache=self.cache)
        return self.model.logits(hidden[:, -1:])[:, -1].float()

    @cached_property
    def _can_pad(self) -> bool:
        return tells_documents_apart(self.model)

    def _logits_by_length(self) -> Tensor:
        """The same without padding and without a cache."""
        self.cache = None
        seen = self._seen()
        found: dict[int, Tensor] = {}
        for length in {len(row) for row in seen}:
            numbers = [i for i, row in enumerate(seen) if len(row) == length]
            hidden = self.model(torch.tensor([seen[i] for i in numbers], device=self.device))
            found.update(zip(numbers, self.model.logits(hidden[:, -1:])[:, -1].float(), strict=True))
        return torch.stack([found[i] for i in range(len(seen))])

    def append(self, tokens: Sequence[int], parents: Sequence[int] | None = None) -> None:
        """A token a row. With `parents`, row i is first replaced by a copy of row `parents[i]`."""
        unchanged = parents is None or list(parents) == list(range(len(self.rows)))
        if parents is not None and not unchanged:
            self.rows = [self.rows[parent].copy() for parent in parents]
            self.starts = [self.starts[parent] for parent in parents]
        for row, token in zip(self.rows, tokens, strict=True):
            row.append(token)
        self.width += 1
        can_go_on = self.cache is not None and (unchanged or hasattr(self.cache, "select"))
        if self._cut_full_rows() or not can_go_on or self.width > self.capacity:
            self._read_again()
            return
        if not unchanged:
            self.cache.select(torch.tensor(parents, device=self.device))
        self.unread = torch.tensor(tokens, device=self.device)[:, None]
        self.documents = None  # These go on with what was read.

    def _cut_full_rows(self) -> bool:
        """Whether there were any."""
        full = [i for i, row in enumerate(self.rows) if len(row) - self.starts[i] > self.limit]
        for i in full:
            self.starts[i] = len(self.rows[i]) - max(1, self.limit // 2)
        return bool(full)

    def _read_again(self) -> None:
        """Forget what was read: all that the model may see is unread."""
        seen = self._seen()
        lengths = [len(row) for row in seen]
        self.width = longest = max(lengths)  # Of the batch: it stays as wide when its longest row has left.
        self.capacity = min(self.limit, longest + self.max_new_tokens)
        self.unread = torch.tensor([[0] * (longest - len(row)) + row for row in seen], device=self.device)
        padded = min(lengths) < longest
        self.documents = self._documents(lengths, longest) if padded else None
        self.cache = self.model.new_cache(len(seen), self.capacity) if self.use_cache else None

    def _seen(self) -> list[list[int]]:
        """What the model may see of each row."""
        return [row[start:] for row, start in zip(self.rows, self.starts, strict=True)]

    def _documents(self, lengths: list[int], longest: int) -> Tensor:
        rows = [[PADDING] * (longest - length) + [TEXT] * length for length in lengths]
        return torch.tensor(rows, device=self.device)


@torch.no_grad()
def tells_documents_apart(model: Model) -> bool:
    """Whether a token after padding of another document is to the model as if it stood alone."""
    device, dtype = device_of(model), next(model.parameters()).dtype
    tokens = torch.tensor([[0, 1], [1, 0]], device=device)
    documents = torch.tensor([[TEXT, TEXT], [PADDING, TEXT]], device=device)
    with torch.autocast(device.type, enabled=False):
        hidden = model(tokens, documents=documents)
    alone, padded = hidden[0, 0].float(), hidden[1, 1].float()
    return bool((alone - padded).norm() <= TOLERANCE[dtype == torch.float32] * alone.norm())


def device_of(model: Model) -> torch.device:
    """Where a model reads its tokens."""
    return next(model.parameters()).device


@contextmanager
def evaluating(model: Model) -> Iterator[None]:
    """No dropout meanwhile; each module's own mode afterwards."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True
