"""What every tokenizer promises: lossless, saved and pickled to the same ids, no special tokens from text."""

import pickle
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt_exp.tokenizer import bpe, byte, character, file
from gpt_exp.tokenizer.tokenizer import END_OF_TEXT

SAMPLE = 'def f(x):\n    """Don\'t."""\n\treturn x + 12345  # naïve 🙂 漢字\r\n\n\n' * 3


@cache
def tokenizer(name: str):
    if name == "byte":
        return byte.byte()
    return character.train([SAMPLE]) if name == "character" else bpe.train([SAMPLE], vocab_size=320)


every = pytest.mark.parametrize("name", ["byte", "character", "bpe"])


@pytest.mark.parametrize("name", ["byte", "bpe"])
@settings(deadline=None)
@given(text=st.text())
def test_any_text_is_recovered(name, text):
    assert tokenizer(name).decode(tokenizer(name).encode(text)) == text


@settings(deadline=None)
@given(text=st.text(alphabet=sorted(set(SAMPLE))))
def test_characters_of_the_training_text_are_recovered(text):
    assert tokenizer("character").decode(tokenizer("character").encode(text)) == text


@every
def test_saved_and_pickled_tokenizers_give_the_same_ids(tmp_path, name):
    first = tokenizer(name)
    first.save(tmp_path)
    for second in (
        file.open(tmp_path),
        file.open(tmp_path / "tokenizer.json"),
        pickle.loads(pickle.dumps(first)),
    ):
        for text in (SAMPLE, SAMPLE[::-1], f"a{END_OF_TEXT}b", ""):
            assert second.encode(text) == first.encode(text)
        assert second.vocab_size == first.vocab_size and second.end_of_text == first.end_of_text


@every
def test_text_never_becomes_a_special_token(name):
    ids = tokenizer(name).encode(f"x{END_OF_TEXT}x")
    assert tokenizer(name).end_of_text not in ids
    assert len(ids) > 3


@every
def test_a_batch_is_encoded_as_its_texts_are(name):
    texts = [SAMPLE, "", "x", SAMPLE[5:]]
    assert tokenizer(name).encode_batch(texts) == [tokenizer(name).encode(text) for text in texts]


@every
def test_ids_lie_below_vocab_size_and_end_of_text_is_shown(name):
    assert max(tokenizer(name).encode(SAMPLE)) < tokenizer(name).vocab_size
    assert tokenizer(name).decode([tokenizer(name).end_of_text]) == END_OF_TEXT


@every
def test_transformers_opens_the_saved_folder(tmp_path, name):
    transformers = pytest.importorskip("transformers")
    tokenizer(name).save(tmp_path)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert theirs.encode(SAMPLE, add_special_tokens=False) == tokenizer(name).encode(SAMPLE)
    assert theirs.eos_token_id == tokenizer(name).end_of_text
