"""Recipes of summarization, code and dialogue beside what needs no model, on the same held-out records.

    python benchmarks/task_baselines.py --data PATH [--recipes code_functions] [--override seed=1]

PATH holds the folder dialogsum; recipes without a download need none. Lead-n are the first n lines of a text.
A function's body is guessed as that of a training function of its name, or as the most frequent body. The
unigrams are those of the training answers, one added to each. All of them see the training part alone.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from omegaconf import DictConfig

from gpt_exp.config.compose import compose
from gpt_exp.experiment.data import Data, make_data
from gpt_exp.experiment.model import make_model
from gpt_exp.experiment.parts import make
from gpt_exp.interfaces import Prediction, Record
from gpt_exp.task.metric.bootstrap import intervals

SEED = 1337
Parts = Mapping[str, Sequence[Record]]


class Known(NamedTuple):
    """What a baseline may use."""

    config: DictConfig
    data: Data
    parts: Parts
    task: Any


Baselines = Callable[[Known], dict[str, list[Prediction]]]


def leads(known: Known) -> dict[str, list[Prediction]]:
    def lead(count: int) -> list[Prediction]:
        return [
            Prediction("\n".join(record["source"].strip().splitlines()[:count]), record["target"])
            for record in known.parts["test"]
        ]

    return {"lead-1": lead(1), "lead-3": lead(3)}


def bodies(known: Known) -> dict[str, list[Prediction]]:
    """The attempts are run as a model's are."""
    train, task = known.parts["train"], known.task
    (most, _) = Counter(record["body"] for record in train).most_common(1)[0]
    named = {record["name"]: record["body"] for record in train}

    def judged(body: Callable[[Record], str]) -> list[Prediction]:
        found = []
        for record in known.parts["test"]:
            attempts = [body(record)] * task.num_samples
            outcomes = task.tests.outcomes(record, attempts)
            found.append(Prediction({"attempts": attempts, "outcomes": outcomes}, record["body"]))
        return found

    return {
        f"always {most.strip()!r}": judged(lambda record: most),
        "of a function of that name": judged(lambda record: named.get(record["name"], most)),
    }


def unigrams(known: Known) -> dict[str, list[Prediction]]:
    """And the recipe's model before it has learnt anything."""
    tokenizer, task = known.data.tokenizer, known.task
    model = make_model(known.config, tokenizer, task).eval()
    room = model.shape.context_length
    counts = np.ones(tokenizer.vocab_size)
    for record in known.parts["train"]:
        tokens, answers = task.read(record, tokenizer, room)
        np.add.at(counts, tokens[answers > 0], 1)
    surprise = -np.log(counts / counts.sum())
    found = []
    for record in known.parts["test"]:
        tokens, answers = task.read(record, tokenizer, room)
        turns, size = np.minimum(answers, task.max_turns), task.max_turns + 1
        nats = np.bincount(turns, surprise[tokens], size)[1:]
        output = {"text": "", "nats": nats, "num_targets": np.bincount(turns, minlength=size)[1:]}
        found.append(Prediction(output, None))
    untrained = task.predict(model, known.parts["test"][:50], tokenizer, make(known.config.decode))
    return {"unigrams of the answers": found, "untrained (50 records)": untrained}


class Recipe(NamedTuple):
    baselines: Baselines
    figures: tuple[str, ...]
    needs_data: bool


RECIPES = {
    "summarization_docstrings": Recipe(leads, ("rouge1", "rouge2", "rougeL"), False),
    "summarization_dialogsum": Recipe(leads, ("rouge1", "rouge2", "rougeL"), True),
    "code_functions": Recipe(bodies, ("pass@1", "tested", "exact_match", "bleu", "chrf"), False),
    "dialogue_dialogsum": Recipe(unigrams, ("perplexity", "perplexity_turn_1", "chrf"), True),
}


def known_of(overrides: Sequence[str]) -> Known:
    config = compose("train", list(overrides))
    data = make_data(config)
    assert isinstance(data.content, Mapping)
    return Known(config, data, data.content, make(config.task))


def trained(overrides: Sequence[str], folder: Path) -> np.ndarray:
    """Statistics of the recipe's answers to the test part, `(records, num_statistics)`."""
    run = folder / "run"
    command(["train", *overrides, f"paths.run={run}"])
    command(["evaluate", f"run={run}", "splits=[test]", f"paths.outputs={folder}"])
    lines = (run / "predictions" / "test.jsonl").read_text().splitlines()
    return np.array([json.loads(line)["statistics"] for line in lines])


def command(arguments: Sequence[str]) -> None:
    one_core = {**os.environ, "OMP_NUM_THREADS": "1"}
    line = [sys.executable, "-m", "gpt_exp", *arguments]
    subprocess.run(line, check=True, env=one_core, stdout=subprocess.DEVNULL)


def row(name: str, metric: Any, statistics: np.ndarray, figures: Sequence[str]) -> str:
    values, bounds = metric.values(statistics.sum(0)), intervals(metric, statistics, seed=SEED)
    cells = [f"{values[key]:.4g} [{bounds[key][0]:.4g}, {bounds[key][1]:.4g}]" for key in figures]
    return "".join(f"{cell:26}" for cell in (name, *cells))


def compare(name: str, data: Path | None, changes: Sequence[str]) -> None:
    """Print a recipe's table."""
    recipe, folder = RECIPES[name], Path(tempfile.mkdtemp(prefix="gpt-exp-"))
    overrides = [f"experiment={name}", f"paths.outputs={folder}", *changes]
    overrides += [f"data.root={data}"] if recipe.needs_data else []
    known = known_of(overrides)
    metric = known.task.metric()
    print(f"\n{name}: {len(known.parts['test'])} records")
    print("".join(f"{title:26}" for title in ("", *recipe.figures)), flush=True)
    for title, found in recipe.baselines(known).items():
        statistics = np.stack([metric.statistics(prediction) for prediction in found])
        print(row(title, metric, statistics, recipe.figures), flush=True)
    print(row("gpt-exp", metric, trained(overrides, folder), recipe.figures), flush=True)


def main() -> None:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--data", type=Path, help="the folder that holds dialogsum")
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=list(RECIPES))
    parser.add_argument("--override", nargs="*", default=[], help="changes to the recipes")
    arguments = parser.parse_args()
    for name in arguments.recipes:
        if RECIPES[name].needs_data and arguments.data is None:
            parser.error(f"{name} needs --data")
        compare(name, arguments.data and arguments.data.resolve(), arguments.override)


if __name__ == "__main__":
    main()
