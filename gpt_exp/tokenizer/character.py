"""Characters as tokens, as in nanoGPT's shakespeare_char."""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import AddedToken, Tokenizer, decoders, models

from gpt_exp.tokenizer.tokenizer import END_OF_TEXT, FastTokenizer

UNKNOWN = "\N{REPLACEMENT CHARACTER}"  # Unicode's own sign for a character that can't be represented.


def train(texts: Iterable[str]) -> FastTokenizer:
    """The text's characters in sorted order, then U+FFFD for all others, then the end of text.

    Lossless on the training text; other characters all become U+FFFD.
    """
    characters: set[str] = set()
    for text in texts:
        characters.update(text)
    ordered = [*sorted(characters - {UNKNOWN}), UNKNOWN, END_OF_TEXT]
    vocab = {token: index for index, token in enumerate(ordered)}
    tokenizer = Tokenizer(models.BPE(vocab, [], unk_token=UNKNOWN))  # BPE without merges: a letter a token.
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens([AddedToken(END_OF_TEXT, normalized=False)])
    return FastTokenizer(tokenizer)
