"""Image description: a text about an image, whose patches stand before it (BLEU, exact match)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from zlib import crc32

import numpy as np
import torch
from torch import Tensor, nn

from gpt_exp.decoding.context import device_of
from gpt_exp.decoding.continued import continued
from gpt_exp.interfaces import (
    Batch,
    Decoding,
    Example,
    Loss,
    Model,
    Prediction,
    Record,
    Tokenizer,
)
from gpt_exp.task.collate import collate, num_targets
from gpt_exp.task.head.image_prefix import CHANNELS, ImagePrefix
from gpt_exp.task.metric.description import DescriptionMetric
from gpt_exp.task.prompt import value
from gpt_exp.task.settings import check_label_smoothing, check_max_new_tokens
from gpt_exp.task.target_loss import target_loss

HEAD = "image_prefix"


class ImageDescription:
    """Learns a record's `target` after its `image`, a uint8 array `(size, size, 3)`.

    A sequence is `patches target end_of_text`: in the tokens an end of text holds the place of each patch,
    and the model reads the hosted head's vectors there. `hidden_dim` gives the projector a second layer.
    """

    name = "image_description"
    text_fields = ("target",)

    def __init__(
        self,
        *,
        size: int = 32,
        patch: int = 8,
        hidden_dim: int | None = None,
        max_new_tokens: int = 30,
        label_smoothing: float = 0.0,
    ) -> None:
        if not 1 <= patch <= size or size % patch:
            raise ValueError(f"task.patch={patch} must divide task.size={size}")
        check_max_new_tokens(max_new_tokens)
        check_label_smoothing(label_smoothing)
        self.size, self.num_patches = size, (size // patch) ** 2
        self.max_new_tokens, self.label_smoothing = max_new_tokens, label_smoothing
        self.heads: Mapping[str, Callable[[Any], nn.Module]] = {
            HEAD: partial(ImagePrefix, size=size, patch=patch, hidden_dim=hidden_dim)
        }

    def metric(self) -> DescriptionMetric:
        return DescriptionMetric()

    def example(self, record: Record, tokenizer: Tokenizer, *, context_length: int) -> Example:
        """Tokens, and the image among the extras. ValueError for another size, or no room for a text."""
        room = self._room(context_length)
        target = [*tokenizer.encode(value(record, "target")), tokenizer.end_of_text][: room + 1]
        tokens = np.array([tokenizer.end_of_text] * self.num_patches + target)
        is_target = np.arange(1, len(tokens)) >= self.num_patches
        return Example(tokens, is_target=is_target, extras={"image": image_of(record, self.size)})

    def _room(self, context_length: int) -> int:
        """For a text after the patches."""
        room = context_length - self.num_patches
        if room < 1:
            raise ValueError(
                f"{self.num_patches} patches leave no room in model.context_length={context_length}: "
                "take a larger task.patch"
            )
        return room

    def num_targets(self, example: Example) -> int:
        return num_targets(example)

    def collate(self, examples: Sequence[Example]) -> Batch:
        return collate(examples)

    def loss(self, model: Model, batch: Batch) -> Loss:
        assert batch.extras is not None
        prefix = model.heads[HEAD](batch.extras["image"])
        return target_loss(model, batch, label_smoothing=self.label_smoothing, prefix=prefix)

    @torch.no_grad()
    def predict(
        self,
        model: Model,
        records: Sequence[Record],
        tokenizer: Tokenizer,
        decoding: Decoding,
        *,
        shots: Sequence[Record] = (),
    ) -> list[Prediction]:
        """A text for each image. ValueError for shots, and for more records at once than there are tokens."""
        if shots:
            raise ValueError("shots: an image is described alone; leave it at 0")
        if len(records) > tokenizer.vocab_size:  # See WithPrefix.
            raise ValueError(f"batch_size={len(records)} must be at most {tokenizer.vocab_size} here")
        images = torch.from_numpy(np.stack([image_of(record, self.size) for record in records]))
        prefixed = WithPrefix(model, model.heads[HEAD](images.to(device_of(model))))
        rest = [tokenizer.end_of_text] * (self.num_patches - 1)
        max_new_tokens = min(self.max_new_tokens, self._room(model.shape.context_length))
        prompts = [[number, *rest] for number in range(len(records))]
        seeds = [crc32(image) for image in images.numpy()]
        texts = continued(prefixed, prompts, tokenizer, decoding, max_new_tokens=max_new_tokens, seeds=seeds)
        return [
            Prediction(text.strip(), record["target"], f"image {self.size} x {self.size}")
            for text, record in zip(texts, records, strict=True)
        ]


class WithPrefix(nn.Module):
    """A model that reads prefixes `(images, n, embedding_dim)`, for a decoding that knows tokens alone.

    A prompt is n tokens, the first of which is its image's number: so rows may come in any order, and be read
    again at any time. Prompts of one batch are equally long, and stay in the context.
    """

    def __init__(self, model: Model, prefixes: Tensor) -> None:
        super().__init__()
        self.model, self.shape, self.prefixes = model, model.shape, prefixes
        self.logits, self.new_cache = model.logits, model.new_cache

    def forward(self, tokens: Tensor, *, documents: Tensor | None = None, cache: Any = None) -> Tensor:
        begins = cache is None or cache.length == 0
        prefix = self.prefixes[tokens[:, 0]] if begins else None
        return self.model(tokens, documents=documents, cache=cache, prefix=prefix)


def image_of(record: Record, size: int) -> np.ndarray:
    """A record's image; ValueError where it is none of this size."""
    image = record.get("image")
    wanted = (size, size, CHANNELS)
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.shape != wanted:
        found = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise ValueError(f"a record's image is {found}, not uint8 {wanted}: task.size and data.size differ")
    return image
