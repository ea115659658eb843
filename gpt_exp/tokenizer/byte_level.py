"""Byte-level BPE as a `tokenizers.Tokenizer`: the base of our byte, BPE and tiktoken tokenizers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

# GPT-2, section 2.2, as in its encoder.py.
GPT2_PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
# GPT-4's (cl100k_base) with at most two digits a token, which suits small vocabularies (nanochat).
GPT4_PATTERN = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,2}"
    r"| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
)


def byte_level(
    vocab: Mapping[bytes, int],
    merges: Sequence[tuple[bytes, bytes]] = (),
    *,
    pattern: str | None,
    special_tokens: Mapping[str, int],
    whole_words_first: bool = False,
) -> Tokenizer:
    """Byte-pair encoding within the pattern's matches; in the whole text where the pattern is None."""
    ids = {as_text(token): token_id for token, token_id in vocab.items()} | dict(special_tokens)
    pairs = [(as_text(left), as_text(right)) for left, right in merges]
    tokenizer = Tokenizer(models.BPE(ids, pairs, ignore_merges=whole_words_first))
    tokenizer.pre_tokenizer = pre_tokenizer(pattern)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(name, normalized=False) for name in special_tokens])
    return tokenizer


def pre_tokenizer(pattern: str | None) -> pre_tokenizers.PreTokenizer:
    to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    if pattern is None:
        return to_bytes
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), to_bytes])


def as_text(token: bytes) -> str:
    """GPT-2's printable stand-in for each byte (`bytes_to_unicode` in its encoder.py)."""
    return "".join(_STAND_INS[byte] for byte in token)


def _stand_ins() -> list[str]:
    printable = {
        *range(ord("!"), ord("~") + 1),
        *range(ord("¡"), ord("¬") + 1),
        *range(ord("®"), ord("ÿ") + 1),
    }
    others = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]


_STAND_INS = _stand_ins()
