"""The one runtime class of all our tokenizers: whatever a `tokenizer.json` can say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tokenizers

END_OF_TEXT = "<|endoftext|>"


class FastTokenizer:
    """A tokenizer of the `tokenizers` library that never makes special tokens out of text.

    Text that contains `<|endoftext|>` is encoded letter by letter: only the corpus places boundaries.
    """

    def __init__(self, tokenizer: tokenizers.Tokenizer, *, end_of_text: str = END_OF_TEXT) -> None:
        token = tokenizer.token_to_id(end_of_text)
        if token is None:
            raise ValueError(f"end_of_text={end_of_text!r} is not in the vocabulary")
        tokenizer.no_truncation()
        tokenizer.no_padding()
        tokenizer.encode_special_tokens = True  # "As text", in the library's words.
        self._tokenizer = tokenizer
        self._end_of_text = end_of_text
        self.end_of_text = token
        unknown = getattr(tokenizer.model, "unk_token", None)
        self.unknown = tokenizer.token_to_id(unknown) if unknown else None  # What no other token can say.
        # Ids may have gaps, as cl100k_base's have.
        self.vocab_size = max(tokenizer.get_vocab(with_added_tokens=True).values()) + 1

    def encode(self, text: str) -> list[int]:
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """In parallel; takes some 150 bytes of memory a token while it runs."""
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [encoding.ids for encoding in encodings]

    def decode(self, tokens: Sequence[int]) -> str:
        """Special tokens show as their names; bytes that are no UTF-8 show as U+FFFD."""
        return self._tokenizer.decode([int(token) for token in tokens], skip_special_tokens=False)

    def save(self, folder: Path) -> None:
        """Write `tokenizer.json`, and `tokenizer_config.json` with which `transformers` opens it."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "tokenizer.json").write_text(self._tokenizer.to_str(), encoding="utf-8")
        config = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": self._end_of_text}
        (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")

    def __reduce__(self) -> tuple[Any, ...]:
        return _from_json, (self._tokenizer.to_str(), self._end_of_text)


def _from_json(text: str, end_of_text: str) -> FastTokenizer:
    return FastTokenizer(tokenizers.Tokenizer.from_str(text), end_of_text=end_of_text)
