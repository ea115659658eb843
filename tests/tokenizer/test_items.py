import pickle

from gpt_exp.tokenizer import items
from gpt_exp.tokenizer.byte import byte
from gpt_exp.tokenizer.file import open as open_tokenizer
from gpt_exp.tokenizer.tokenizer import END_OF_TEXT

TEXTS = ["os sys\nre", "re sys collections.abc", "re"]
ITEMS = ["re", "sys", "collections.abc", "os"]  # By frequency, then by letters.


def test_every_item_is_a_token_whatever_is_in_its_name():
    tokenizer = items.train(TEXTS)
    assert tokenizer.encode(" ".join(ITEMS)) == [1, 2, 3, 4]
    assert tokenizer.decode([3, 1, 4]) == "collections.abc re os"
    assert (tokenizer.unknown, tokenizer.end_of_text, tokenizer.vocab_size) == (0, 5, 6)


def test_other_items_are_unknown_as_are_those_that_are_called_like_special_tokens():
    for tokenizer in (items.train(TEXTS), items.train([*TEXTS, END_OF_TEXT, items.UNKNOWN])):
        assert tokenizer.encode(f"os json {END_OF_TEXT} {items.UNKNOWN} collections") == [4, 0, 0, 0, 0]
        assert tokenizer.vocab_size == 6


def test_the_unknown_token_is_known_after_opening_again(tmp_path):
    tokenizer = items.train(TEXTS)
    tokenizer.save(tmp_path)
    for again in (open_tokenizer(tmp_path), pickle.loads(pickle.dumps(tokenizer))):
        assert again.unknown == tokenizer.unknown == 0
        assert again.encode("os json") == [4, 0]


def test_items_beside_text_are_tokens_that_no_text_becomes(tmp_path):
    text = byte()
    both = text.with_items(["film 1", "film 2"])
    assert both.vocab_size == text.vocab_size + 3  # And one for all other items.
    assert both.items == {"film 1": text.vocab_size + 1, "film 2": text.vocab_size + 2}
    for string in ("film 1", "<|item|>film 1", "<|unknown_item|>"):
        assert both.encode(string) == text.encode(string)
        assert both.encode_batch([string]) == [text.encode(string)]
    both.save(tmp_path)
    opened = open_tokenizer(tmp_path)
    assert (opened.items, opened.unknown_item) == (both.items, both.unknown_item)
