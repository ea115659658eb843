"""gpt-exp generate: text from a trained model, on stdout as it is written."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from time import perf_counter
from typing import Any

import torch
from omegaconf import DictConfig
from rich.console import Console

from gpt_exp.decoding.sample import sample
from gpt_exp.decoding.text import stream_text
from gpt_exp.experiment import LoadedRun, load_run
from gpt_exp.precision import resolve_device

SETTINGS = ("max_new_tokens", "temperature", "top_k", "top_p", "min_p")


def main(config: DictConfig, overrides: list[str]) -> None:
    """Print each sample, prompt included, an empty line between two; on stderr how fast they came."""
    device = resolve_device(config.device)
    run = load_run(config.run, config.checkpoint)
    run.model.to(device)
    prompt = sys.stdin.read() if config.prompt == "-" else config.prompt
    settings = {name: config[name] for name in SETTINGS}
    for index in range(config.num_samples):
        if index > 0:
            print()
        seed = None if config.seed is None else config.seed + index
        write(run, prompt, device=device, seed=seed, **settings)


def write(run: LoadedRun, prompt: str, *, device: torch.device, **settings: Any) -> None:
    """Print one sample as its tokens come; what is printed of the prompt is what the model reads."""
    began, num_new = perf_counter(), 0

    def tokens() -> Iterator[int]:
        nonlocal num_new
        read = run.tokenizer.encode(prompt)
        yield from read
        for token in continuation(run, read, device=device, **settings):
            num_new += 1
            yield token

    for text in stream_text(run.tokenizer, tokens()):
        print(text, end="", flush=True)
    print()
    speed = num_new / (perf_counter() - began)
    Console(stderr=True, highlight=False).print(f"{num_new} tokens, {speed:.0f} tokens/s", style="dim")


def continuation(
    run: LoadedRun, prompt: list[int], *, device: torch.device, **settings: Any
) -> Iterator[int]:
    """The tokens after a prompt that begins a document, until the document ends."""
    end_of_text = run.tokenizer.end_of_text
    start = torch.tensor([[end_of_text, *prompt]], device=device)
    model: Any = run.model
    for token in sample(model, start, stop_token=end_of_text, **settings):
        if token.item() == end_of_text:
            return
        yield int(token)
