"""gpt-exp generate: text from a trained model, on stdout as it is written, or a task's answers."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from time import perf_counter

from omegaconf import DictConfig
from rich.console import Console

from gpt_exp.decoding.n_best import NBest
from gpt_exp.decoding.stop import StopStrings, until
from gpt_exp.decoding.text import stream_text
from gpt_exp.errors import UserError
from gpt_exp.experiment.model import LoadedRun, load_run
from gpt_exp.experiment.parts import make
from gpt_exp.experiment.several_tasks import of_one_task
from gpt_exp.interfaces import (
    Answering,
    Decoding,
    Model,
    Record,
    RecordTask,
    Rules,
    Searching,
    Streaming,
    Tokenizer,
)
from gpt_exp.precision import resolve_device


def main(config: DictConfig, overrides: list[str]) -> None:
    """Print what the model makes of the prompt; on stderr how fast it came."""
    check(config)
    decoding, device = make(config.decode), resolve_device(config.device)
    run = of_one_task(load_run(config.run, config.checkpoint), config.of)
    run.model.to(device)
    prompt = sys.stdin.read() if config.prompt == "-" else config.prompt
    task = task_of(config, run.config)
    if task is None:
        write_text(config, run, decoding, prompt)
    else:
        write_answers(config, run, task, decoding, prompt, overrides)


def check(config: DictConfig) -> None:
    """UserError for numbers of which nothing would come."""
    for key in ("num_samples", "max_new_tokens"):
        if config[key] < 1:
            raise UserError(f"{key}={config[key]} must be at least 1")


def check_count(decoding: Decoding, count: int) -> None:
    """UserError where a decoding would give the same text again and again."""
    if count > 1 and not decoding.draws and not isinstance(decoding, Searching):
        raise UserError(
            f"num_samples={count}: this decoding gives one text; decode=sampling draws several, "
            "decode=beam has the best so many"
        )


def task_of(config: DictConfig, run: DictConfig) -> Answering | None:
    """The task that answers: that of the command line or the run's; None where text goes on as text."""
    node = config.get("task") or run.get("task")
    task = make(node) if node else None
    if not isinstance(task, RecordTask):
        return None
    if not isinstance(task, Answering):
        raise UserError(f"generate: {node._target_} writes no text; gpt-exp evaluate tells what it predicts")
    return task


def write_answers(
    config: DictConfig,
    run: LoadedRun,
    task: Answering,
    decoding: Decoding,
    prompt: str,
    overrides: Sequence[str],
) -> None:
    """Print `num_samples` answers, an empty line between two; what isn't given here is as the run has it."""
    if not is_given("decode", overrides) and run.config.get("decode"):
        decoding = make(run.config.decode)
    if is_given("max_new_tokens", overrides):
        task.max_new_tokens = config.max_new_tokens
    if is_given("stop", overrides):
        task.stop = list(config.stop)
    check_count(decoding, config.num_samples)
    found = answers(task, run, decoding, task.ask(prompt), count=config.num_samples, seed=config.seed)
    for index, answer in enumerate(found):
        print(("\n" if index else "") + answer)


def answers(
    task: Answering, run: LoadedRun, decoding: Decoding, record: Record, *, count: int, seed: int | None
) -> Iterator[str]:
    """The best of a search; or `count` with seeds in a row."""
    if isinstance(decoding, Searching):
        yield from task.generate(run.model, [record] * count, run.tokenizer, NBest(decoding))
        return
    for index in range(count):
        seeds = None if seed is None else [seed + index]
        yield from task.generate(run.model, [record], run.tokenizer, decoding, seeds=seeds)


def is_given(key: str, overrides: Sequence[str]) -> bool:
    """Whether the command line sets a key or one below it."""
    return any(re.match(rf"[+~]*{key}[.=]", override) for override in overrides)


def write_text(config: DictConfig, run: LoadedRun, decoding: Decoding, text: str) -> None:
    """Print each sample, prompt included, an empty line between two."""
    check_count(decoding, config.num_samples)
    stop, end, prompt = list(config.stop), run.tokenizer.end_of_text, run.tokenizer.encode(text)
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
