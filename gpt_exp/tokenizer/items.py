"""Items as tokens: whole words between spaces, such as the identifiers of films."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

from gpt_exp.tokenizer.tokenizer import END_OF_TEXT, FastTokenizer

UNKNOWN = "<unk>"


def train(texts: Iterable[str]) -> FastTokenizer:
    """A token for all unknown items, one for each item of the texts, most frequent first, the end of text.

    Items of equal frequency stand in the order of their letters. Decoding gives items with spaces between.
    """
    spaces = pre_tokenizers.WhitespaceSplit()
    counts = Counter(item for text in texts for item, _ in spaces.pre_tokenize_str(text))
    # The library's trainer would give items of these names the special tokens.
    items = sorted(counts.keys() - {UNKNOWN, END_OF_TEXT}, key=lambda item: (-counts[item], item))
    vocab = {token: number for number, token in enumerate([UNKNOWN, *items])}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = spaces
    tokenizer.add_special_tokens([AddedToken(END_OF_TEXT, normalized=False)])
    return FastTokenizer(tokenizer)
