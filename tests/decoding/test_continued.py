"""Texts go on to their end or to a stop string, each as its prompt says."""

from collections.abc import Sequence

from gpt_exp.decoding.continued import continued
from gpt_exp.tokenizer.byte import byte

TOKENIZER = byte()
SEQUEL = {  # The public domain: Melville, Austen.
    "Call me": " Ishmael. Some years ago",
    "It is a truth": " universally acknowledged. That",
}


def recites(model, prompts, rules, *, seeds: Sequence[int] | None = None):
    """A decoding that knows its texts by heart, and keeps to the rules."""
    assert seeds in (None, [1, 2])
    found = []
    for prompt in prompts:
        new: list[int] = []
        for token in TOKENIZER.encode(SEQUEL[TOKENIZER.decode(prompt)]):
            new.append(token)
            if len(new) == rules.max_new_tokens or (rules.stop and rules.stop(new)):
                break
        found.append(new)
    return found


def test_what_is_new_comes_as_text_up_to_the_stop_string():
    prompts = [TOKENIZER.encode(text) for text in SEQUEL]
    found = continued(None, prompts, TOKENIZER, recites, max_new_tokens=99, stop=["."], seeds=[1, 2])
    assert found == [" Ishmael", " universally acknowledged"]


def test_without_a_stop_string_the_number_of_tokens_ends_it():
    prompts = [TOKENIZER.encode(text) for text in SEQUEL]
    assert continued(None, prompts, TOKENIZER, recites, max_new_tokens=5) == [" Ishm", " univ"]
