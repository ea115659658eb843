"""gpt-exp back_translate: training texts said anew by two translation runs, there and back.

What it writes is read by augmentation=back_translation (Yu et al. 2018, arXiv:1804.09541, section 3).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import DictConfig
from rich.console import Console
from rich.progress import Progress

from gpt_exp.augmentation import paraphrases
from gpt_exp.errors import UserError
from gpt_exp.experiment.data import make_data
from gpt_exp.experiment.model import LoadedRun, load_run
from gpt_exp.experiment.parts import make
from gpt_exp.interfaces import Decoding
from gpt_exp.precision import autocast, resolve_device, resolve_precision
from gpt_exp.stages.outcome import Outcome
from gpt_exp.task.prompt import value
from gpt_exp.task.text_to_text import TextToText

SAVE_EVERY = 500  # Texts: the file is written anew each time.


class Translator(NamedTuple):
    """A run that makes texts from texts of one field."""

    run: LoadedRun
    task: TextToText
    decoding: Decoding

    def __call__(self, texts: Sequence[str], seeds: Sequence[int]) -> list[str]:
        records = [{self.task.template.cut: text} for text in texts]
        return self.task.generate(self.run.model, records, self.run.tokenizer, self.decoding, seeds=seeds)


def main(config: DictConfig, overrides: list[str]) -> Outcome:
    """Put paraphrases of the texts that are not yet in the file into it; say how many there are."""
    decoding, path = make(config.decode), Path(config.paths.run or "") / Path(config.path).expanduser()
    forward, backward = (opened(config, key, decoding) for key in ("forward", "backward"))
    texts = training_texts(config, forward)
    missing = paraphrases.missing(texts, paraphrases.read(path))
    device = resolve_device(config.device)
    forward.run.model.to(device)
    backward.run.model.to(device)
    with autocast(resolve_precision(config.precision, device.type), device.type):
        fill(path, missing, forward, backward, config)
    known = paraphrases.read(path)
    said, asked = sum(bool(known.get(text)) for text in dict.fromkeys(texts)), len(set(texts))
    print(f"{path}: {said:,} of {asked:,} texts have paraphrases, {len(missing):,} of them new")
    return Outcome({"num_texts": asked, "num_said_anew": said}, "num_said_anew")


def opened(config: DictConfig, key: str, decoding: Decoding) -> Translator:
    """The run under a key; UserError where it does not write texts from one field."""
    run = load_run(config[key], config.checkpoint, merged=True)
    task = make(run.config.task)
    if not isinstance(task, TextToText) or set(task.template.fields) != {task.template.cut}:
        raise UserError(f"{key}={config[key]}: {run.config.task._target_} writes no text from one field")
    return Translator(run, task, decoding)


def training_texts(config: DictConfig, forward: Translator) -> list[str]:
    """The field's texts in the training part of the data, by default the forward run's."""
    run, field = forward.run, config.field or forward.task.template.cut
    if config.get("data") is not None:
        run.config["data"] = config.data
    content: Any = make_data(run.config, run.tokenizer).content  # Of a TextToText: records by split.
    return [value(record, field) for record in content["train"]]


def fill(
    path: Path, texts: Sequence[str], forward: Translator, backward: Translator, config: DictConfig
) -> None:
    """Those of like length together; whatever ends it, what was found by then is in the file."""
    ordered = sorted(texts, key=len)
    found: dict[str, list[str]] = {}
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("translating there and back", total=len(ordered))
        try:
            for start in range(0, len(ordered), config.batch_size):
                batch = ordered[start : start + config.batch_size]
                found |= said_anew(batch, forward, backward, config.num_paraphrases, config.seed)
                progress.advance(bar, len(batch))
                if len(found) >= SAVE_EVERY:
                    paraphrases.add(path, found)
                    found = {}
        finally:
            if found:
                paraphrases.add(path, found)


def said_anew(
    texts: Sequence[str], forward: Translator, backward: Translator, count: int, seed: int
) -> dict[str, list[str]]:
    """`count` round trips of each text; what they come to is a function of (seed, text)."""
    numbered = [(text, i) for text in texts for i in range(count)]
    seeds = [seed_of(seed, text, i) for text, i in numbered]
    pivots = forward([text for text, _ in numbered], seeds)
    back = backward(pivots, seeds)
    found: dict[str, list[str]] = {text: [] for text in texts}
    for (text, _), pivot, paraphrase in zip(numbered, pivots, back, strict=True):
        if pivot:  # What is made of nothing says nothing about the text.
            found[text].append(paraphrase)
    return found


def seed_of(seed: int, text: str, number: int) -> int:
    """The same on every machine, whatever else is in the batch."""
    return int.from_bytes(hashlib.sha256(f"{seed} {number} {text}".encode()).digest()[:6])
