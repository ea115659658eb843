"""Texts that go on from prompts, up to the end of the text or a stop string."""

from __future__ import annotations

from collections.abc import Sequence

from gpt_exp.decoding.stop import StopStrings
from gpt_exp.interfaces import Decoding, Model, Prompts, Rules, Tokenizer


def continued(
    model: Model,
    prompts: Prompts,
    tokenizer: Tokenizer,
    decoding: Decoding,
    *,
    max_new_tokens: int,
    stop: Sequence[str] = (),
    seeds: Sequence[int] | None = None,
) -> list[str]:
    """What is new of each text; `seeds`, one a prompt, decide what a decoding draws."""
    stops = StopStrings(tokenizer, stop) if stop else None
    rules = Rules(max_new_tokens, stop_tokens=(tokenizer.end_of_text,), stop=stops)
    texts = [tokenizer.decode(tokens) for tokens in decoding(model, prompts, rules, seeds=seeds)]
    return [stops.cut(text) for text in texts] if stops else texts
