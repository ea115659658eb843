"""gpt-exp generate: text from a trained model, on stdout as it is written."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from time import perf_counter

from omegaconf import DictConfig
from rich.console import Console

from gpt_exp.decoding.stop import StopStrings, until
from gpt_exp.decoding.text import stream_text
from gpt_exp.experiment import load_run, make
from gpt_exp.interfaces import Decoding, Model, Rules, Searching, Streaming, Tokenizer
from gpt_exp.precision import resolve_device


def main(config: DictConfig, overrides: list[str]) -> None:
    """Print each sample, prompt included, an empty line between two; on stderr how fast they came."""
    decoding, device, stop = make(config.decode), resolve_device(config.device), list(config.stop)
    run = load_run(config.run, config.checkpoint)
    run.model.to(device)
    prompt = run.tokenizer.encode(sys.stdin.read() if config.prompt == "-" else config.prompt)
    end = run.tokenizer.end_of_text
    stops = StopStrings(run.tokenizer, stop) if stop else None
    rules = Rules(config.max_new_tokens, stop_tokens=(end,), stop=stops)
    began, num_new = perf_counter(), 0
    found = continuations(
        decoding, run.model, [end, *prompt], rules, count=config.num_samples, seed=config.seed
    )
    for index, tokens in enumerate(found):
        if index > 0:
            print()
        num_new += write(run.tokenizer, prompt, tokens, stop)
    speed = num_new / (perf_counter() - began)
    Console(stderr=True, highlight=False).print(f"{num_new} tokens, {speed:.0f} tokens/s", style="dim")


def continuations(
    decoding: Decoding, model: Model, prompt: list[int], rules: Rules, *, count: int, seed: int | None
) -> Iterator[Iterable[int]]:
    """The best of a search; or `count` with seeds in a row, token by token where that can be."""
    if isinstance(decoding, Searching):
        (best,) = decoding.search(model, [prompt], rules, num_best=count)
        yield from (hypothesis.tokens for hypothesis in best)
        return
    for index in range(count):
        seeds = None if seed is None else [seed + index]
        if isinstance(decoding, Streaming):
            steps = decoding.stream(model, [prompt], rules, seeds=seeds)
            yield (token for (token,) in steps if token is not None)
        else:
            yield from decoding(model, [prompt], rules, seeds=seeds)


def write(tokenizer: Tokenizer, prompt: list[int], new: Iterable[int], stop: list[str]) -> int:
    """Print a text as its tokens come; what is printed of the prompt is what the model reads.

    Returns the number of new tokens.
    """
    num_new = 0

    def counted() -> Iterator[int]:
        nonlocal num_new
        for token in new:
            num_new += 1
            yield token

    texts = stream_text(tokenizer, chain(prompt, counted()))
    for text in until(texts, stop, after=len(tokenizer.decode(prompt))):
        print(text, end="", flush=True)
    print()
    return num_new
