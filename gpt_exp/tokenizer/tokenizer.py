"""The one runtime class of all our tokenizers: whatever a `tokenizer.json` can say."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import tokenizers

END_OF_TEXT = "<|endoftext|>"
ITEM, UNKNOWN_ITEM = "<|item|>", "<|unknown_item|>"  # Special tokens, which no text is encoded to.


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
        vocab = tokenizer.get_vocab(with_added_tokens=True)
        self.vocab_size = max(vocab.values()) + 1
        # Whole items beside pieces of text, by their names: such as films. Most tokenizers have none.
        self.items = {t.removeprefix(ITEM): n for t, n in vocab.items() if t.startswith(ITEM)}
        self.unknown_item = tokenizer.token_to_id(UNKNOWN_ITEM)

    def with_items(self, items: Iterable[str]) -> FastTokenizer:
        """This tokenizer with a token for each of these items, in their order, and one for all others.

        They are behind all tokens of text, and only `items` and `unknown_item` know them.
        """
        joined = tokenizers.Tokenizer.from_str(self._tokenizer.to_str())
        names = [UNKNOWN_ITEM, *(f"{ITEM}{item}" for item in items)]
        joined.add_special_tokens([tokenizers.AddedToken(name, normalized=False) for name in names])
        return FastTokenizer(joined, end_of_text=self._end_of_text)

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
