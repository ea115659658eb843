"""OpenAI's encodings, by name or from a file of ranks, as byte-level BPE with the same ids."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from pathlib import Path

from gpt_exp.tokenizer.byte_level import GPT2_PATTERN, byte_level
from gpt_exp.tokenizer.tokenizer import END_OF_TEXT, FastTokenizer


def open(encoding: str, pattern: str | None = None) -> FastTokenizer:
    """Open "gpt2", "cl100k_base", ... (through the `tiktoken` package and its cache) or a `.tiktoken` file.

    The pattern splits text into words; by default the encoding's own, for a file GPT-2's.
    Raises ValueError for an unknown name and where neither network nor cache has the ranks.
    """
    path = Path(encoding).expanduser()
    if path.suffix == ".tiktoken" or path.is_file():
        ranks = _read_ranks(path)
        return _tokenizer(ranks, pattern or GPT2_PATTERN, {END_OF_TEXT: max(ranks.values()) + 1})
    try:
        import tiktoken

        found = tiktoken.get_encoding(encoding)
    except ImportError:
        raise ValueError("tokenizer=tiktoken needs a package: pip install 'gpt-exp[tiktoken]'") from None
    except Exception as error:  # An unknown name, or whatever the network raises.
        message = str(error).splitlines()[0]
        raise ValueError(
            f"tokenizer.encoding={encoding}: {message}; without network give the path of a .tiktoken file"
        ) from None
    return _tokenizer(found._mergeable_ranks, pattern or found._pat_str, found._special_tokens)


def _read_ranks(path: Path) -> dict[bytes, int]:
    """A line per token: its bytes in base64, a space, its id, which is its rank too."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
        pairs = [line.split() for line in lines if line]
        return {base64.b64decode(token, validate=True): int(rank) for token, rank in pairs}
    except FileNotFoundError:
        raise ValueError(f"tokenizer.encoding={path}: no such file") from None
    except ValueError as error:
        raise ValueError(f"tokenizer.encoding={path}: no tiktoken ranks ({error})") from None


def _tokenizer(ranks: Mapping[bytes, int], pattern: str, special_tokens: Mapping[str, int]) -> FastTokenizer:
    tokenizer = byte_level(
        ranks,
        _merges(ranks),
        pattern=_in_ruby_syntax(pattern),
        special_tokens=special_tokens,
        whole_words_first=True,  # As tiktoken does: a word that is a token is never merged up to.
    )
    return FastTokenizer(tokenizer)


def _merges(ranks: Mapping[bytes, int]) -> list[tuple[bytes, bytes]]:
    """Every way to put a token together from two, by rank (as transformers' TikTokenConverter does)."""
    merges: list[tuple[bytes, bytes]] = []
    for token in sorted(ranks, key=ranks.__getitem__):
        splits = [(token[:cut], token[cut:]) for cut in range(1, len(token))]
        known = [(left, right) for left, right in splits if left in ranks and right in ranks]
        merges += sorted(known, key=lambda pair: (ranks[pair[0]], ranks[pair[1]]))
    return merges


def _in_ruby_syntax(pattern: str) -> str:
    r"""Rust's regex in the dialect of `tokenizers` (Oniguruma's Ruby).

    There `{1,3}+` repeats instead of being possessive, and `$` also matches before a line's end.
    """
    return re.sub(r"(?<!\\)\$", r"\\z", re.sub(r"(\{\d+(?:,\d*)?\})\+", r"\1", pattern))
