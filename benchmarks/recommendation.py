"""Next films of MovieLens 100K: our recipe beside popularity and item-kNN, on the same items.

    python benchmarks/recommendation.py --data ml-100k [--override trainer.max_steps=100]

Leave-one-out over the full catalogue: each user's last film is to be found among all films of the training
data that the user has not rated. The baselines see what the model sees. Item-kNN (Sarwar et al. 2001) is the
cosine of columns of the user-item matrix, summed over the user's films; the number of neighbours, and of the
newest films that count, are those that are best in validation.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gpt_exp.data.movielens import MovieLens
from gpt_exp.interfaces import Prediction, Record
from gpt_exp.task.metric.bootstrap import intervals
from gpt_exp.task.metric.ranking import Ranking

NEIGHBOURS = (5, 10, 20, 50, 100, 200, 500)
NEWEST = (5, 10, 20, 50)
SEED = 1337


class Interactions(NamedTuple):
    """Which user of the training data had which item, `(users, items)`, and the items' names."""

    matrix: np.ndarray
    names: list[str]

    @property
    def number(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.names)}

    def of(self, records: Sequence[Record], newest: int | None = None) -> np.ndarray:
        """The same for records; items that training does not know are left out."""
        matrix, number = np.zeros((len(records), len(self.names)), np.float32), self.number
        for row, record in zip(matrix, records, strict=True):
            items = record["items"][-newest:] if newest else record["items"]
            row[[number[item] for item in items if item in number]] = 1
        return matrix


def interactions(records: Sequence[Record]) -> Interactions:
    empty = Interactions(np.empty(0), sorted({item for record in records for item in record["items"]}))
    return empty._replace(matrix=empty.of(records))


def similarities(known: Interactions, neighbours: int) -> np.ndarray:
    """Cosines of items, `(items, items)`: row i keeps the nearest `neighbours` of item i."""
    norms = np.sqrt(known.matrix.sum(0))
    cosines = known.matrix.T @ known.matrix / np.outer(norms, norms)
    np.fill_diagonal(cosines, 0)
    least = -np.sort(-cosines, axis=1)[:, neighbours - 1 : neighbours]
    return np.where(cosines >= least, cosines, 0)


def predictions(scores: np.ndarray, records: Sequence[Record], known: Interactions) -> list[Prediction]:
    """The best 50 items of each row of scores, without those that the user had."""
    left = np.where(known.of(records) > 0, -np.inf, scores)
    best = np.argsort(-left, axis=1, kind="stable")[:, :50]
    return [
        Prediction([known.names[i] for i in row], record["target"])
        for row, record in zip(best, records, strict=True)
    ]


def popularity(known: Interactions, records: Sequence[Record]) -> list[Prediction]:
    return predictions(np.tile(known.matrix.sum(0), (len(records), 1)), records, known)


def item_knn(
    known: Interactions, records: Sequence[Record], neighbours: int, newest: int | None
) -> list[Prediction]:
    return predictions(known.of(records, newest) @ similarities(known, neighbours).T, records, known)


def tuned(
    known: Interactions, records: Sequence[Record], newest: Sequence[int | None]
) -> tuple[int, int | None]:
    """Neighbours and newest items with the best NDCG in validation."""
    return max(product(NEIGHBOURS, newest), key=lambda each: ndcg(item_knn(known, records, *each)))


def ndcg(found: Sequence[Prediction]) -> float:
    metric = Ranking()
    metric.update(found)
    return float(metric.compute()[metric.main])


def ours(data: Path, folder: Path, overrides: Sequence[str]) -> list[Prediction]:
    """Train the recipe and answer the test part, through the command line."""
    run = folder / "run"
    shared = [f"paths.outputs={folder}"]
    recipe = ["experiment=recommendation_movielens", f"data.root={data}", f"paths.run={run}", *overrides]
    command(["train", *recipe, *shared])
    command(["evaluate", f"run={run}", "splits=[test]", *shared])
    rows = map(json.loads, (run / "predictions" / "test.jsonl").read_text().splitlines())
    return [Prediction(row["output"], row["reference"]) for row in rows]


def command(arguments: Sequence[str]) -> None:
    one_core = {**os.environ, "OMP_NUM_THREADS": "1"}
    line = [sys.executable, "-m", "gpt_exp", *arguments]
    subprocess.run(line, check=True, env=one_core, stdout=subprocess.DEVNULL)


def table(results: dict[str, list[Prediction]]) -> str:
    """HR@10 and NDCG@10 with 95 % intervals over users, and NDCG's ratio to the first row's."""
    metric, lines, first = Ranking(), [f"{'':38}{'HR@10':26}{'NDCG@10':26}ratio"], None
    for name, found in results.items():
        rows = np.stack([metric.statistics(prediction) for prediction in found])
        values, bounds = metric.values(rows.sum(0)), intervals(metric, rows, seed=SEED)
        first = first or values["ndcg@10"]
        cells = [cell(values[key], bounds[key]) for key in ("hit_rate@10", "ndcg@10")]
        lines.append(f"{name:38}{cells[0]:26}{cells[1]:26}{values['ndcg@10'] / first:.2f}")
    return "\n".join(lines)


def cell(value: float, bounds: tuple[float, float]) -> str:
    return f"{value:.4f} [{bounds[0]:.4f}, {bounds[1]:.4f}]"


def baselines(parts: Any) -> dict[str, list[Prediction]]:
    """Of the test part, by name."""
    known = interactions(parts["train"])
    results = {"popularity": popularity(known, parts["test"])}
    for newest in ((None,), NEWEST):
        neighbours, count = tuned(known, parts["val"], newest)
        name = f"item-kNN, {neighbours} neighbours" + (f", {count} newest" if count else "")
        results[name] = item_knn(known, parts["test"], neighbours, count)
    return results


def main() -> None:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument(
        "--data", type=Path, required=True, help="the folder ml-100k, or the one that holds it"
    )
    parser.add_argument("--override", nargs="*", default=[], help="changes to the recipe")
    arguments = parser.parse_args()
    data = arguments.data.resolve()
    results = baselines(MovieLens(root=str(data)).read())
    print(table(results), flush=True)
    results["gpt-exp"] = ours(data, Path(tempfile.mkdtemp(prefix="gpt-exp-")), arguments.override)
    print(table(results))


if __name__ == "__main__":
    main()
