from gpt_exp.tokenizer import character


def test_ids_are_nanogpts():
    text = "hello, world\n"
    stoi = {c: i for i, c in enumerate(sorted(set(text)))}  # nanoGPT, data/shakespeare_char/prepare.py.
    tokenizer = character.train(iter([text[:4], text[4:]]))
    assert tokenizer.encode(text) == [stoi[c] for c in text]
    assert tokenizer.end_of_text == len(stoi) + 1 == tokenizer.vocab_size - 1


def test_each_unknown_character_becomes_one_replacement_character():
    tokenizer = character.train(["abc"])
    assert (
        tokenizer.decode(tokenizer.encode("a漢🙂c")) == "a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}c"
    )


def test_a_replacement_character_in_the_text_is_no_second_token():
    tokenizer = character.train(["a\N{REPLACEMENT CHARACTER}\U0001f642"])
    assert tokenizer.encode("a\U0001f642\N{REPLACEMENT CHARACTER}?") == [0, 1, 2, 2]
