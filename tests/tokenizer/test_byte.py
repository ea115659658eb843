from gpt_exp.tokenizer.byte import byte


def test_tokens_are_the_utf8_bytes():
    text = "".join(map(chr, range(0x300))) + "🙂"
    assert byte().encode(text) == list(text.encode())
    assert (byte().vocab_size, byte().end_of_text) == (257, 256)


def test_broken_utf8_shows_as_replacement():
    assert byte().decode([104, 255, 105]) == "h\N{REPLACEMENT CHARACTER}i"
