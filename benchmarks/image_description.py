"""Names of drawings that were never seen: our recipe beside two trivial answers, on the same drawings.

    python benchmarks/image_description.py [--override trainer.max_steps=100]

Held-out drawings of OpenMoji; variants of one name are all held out or all learnt from. One trivial answer is
the training name that as the answer to everything has the best BLEU in validation (no name is there twice, so
the most frequent one says nothing); the other is the name of the training drawing that is nearest by pixels.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from gpt_exp.corpus.record_split import divide
from gpt_exp.corpus.split import Split
from gpt_exp.data.emoji import EmojiDrawings
from gpt_exp.interfaces import Prediction, Record
from gpt_exp.task.metric.bootstrap import intervals
from gpt_exp.task.metric.description import DescriptionMetric

SEED = 1337
Parts = Mapping[str, Sequence[Record]]


def constant(parts: Parts, split: str) -> list[Prediction]:
    """The name that answers everything best in validation."""
    best = max(
        (record["target"] for record in parts["train"]), key=lambda name: bleu(always(name, parts["val"]))
    )
    return always(best, parts[split])


def always(name: str, records: Sequence[Record]) -> list[Prediction]:
    return [Prediction(name, record["target"]) for record in records]


def bleu(found: Sequence[Prediction]) -> float:
    metric = DescriptionMetric()
    metric.update(found)
    return float(metric.compute()["bleu"])


def nearest(parts: Parts, split: str) -> list[Prediction]:
    """The name of the drawing with the least sum of squared differences."""
    known = pixels(parts["train"])
    squares = (known**2).sum(1) - 2 * pixels(parts[split]) @ known.T  # Less a constant of each drawing.
    return [
        Prediction(parts["train"][i]["target"], record["target"])
        for i, record in zip(squares.argmin(1), parts[split], strict=True)
    ]


def pixels(records: Sequence[Record]) -> np.ndarray:
    """`(records, values)`"""
    return np.stack([record["image"].reshape(-1) for record in records]).astype(np.float32) / 255


def ours(overrides: Sequence[str]) -> list[Prediction]:
    """Train the recipe and describe the test part, through the command line."""
    folder = Path(tempfile.mkdtemp(prefix="gpt-exp-"))
    run, outputs = folder / "run", f"paths.outputs={folder}"
    command(["train", "experiment=image_description_emoji", f"paths.run={run}", outputs, *overrides])
    command(["evaluate", f"run={run}", "splits=[test]", outputs])
    rows = map(json.loads, (run / "predictions" / "test.jsonl").read_text().splitlines())
    return [Prediction(row["output"], row["reference"]) for row in rows]


def command(arguments: Sequence[str]) -> None:
    one_core = {**os.environ, "OMP_NUM_THREADS": "1"}
    line = [sys.executable, "-m", "gpt_exp", *arguments]
    subprocess.run(line, check=True, env=one_core, stdout=subprocess.DEVNULL)


def table(results: Mapping[str, Sequence[Prediction]]) -> str:
    """BLEU and exact match with 95 % intervals over drawings, and words that are right and that there are."""
    metric, lines = DescriptionMetric(), [f"{'':34}{'BLEU':24}{'exact match':24}words right"]
    for name, found in results.items():
        rows = np.stack([metric.statistics(prediction) for prediction in found])
        values, bounds = metric.values(rows.sum(0)), intervals(metric, rows, seed=SEED)
        cells = [cell(values[key], bounds[key]) for key in ("bleu", "exact_match")]
        lines.append(f"{name:34}{cells[0]:24}{cells[1]:24}{words_right(found):.1%}")
    return "\n".join(lines)


def words_right(found: Sequence[Prediction]) -> float:
    """The share of the references' words that are in the answers."""
    pairs = [(each.output.split(), word) for each in found for word in each.reference.split()]
    return sum(word in words for words, word in pairs) / len(pairs)


def cell(value: float, bounds: tuple[float, float]) -> str:
    return f"{value:.1f} [{bounds[0]:.1f}, {bounds[1]:.1f}]"


def main() -> None:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--override", nargs="*", default=[], help="changes to the recipe")
    arguments = parser.parse_args()
    parts = divide(EmojiDrawings().read(), Split())
    fixed = constant(parts, "test")
    results = {f"always {fixed[0].output!r}": fixed, "nearest drawing": nearest(parts, "test")}
    results["gpt-exp"] = ours(arguments.override)
    print(f"{len(parts['train'])} drawings to learn from, {len(parts['test'])} to describe")
    print(table(results))


if __name__ == "__main__":
    main()
