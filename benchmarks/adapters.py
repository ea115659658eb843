"""Full fine-tuning beside adapters: the metric, what is trained, memory, time and what a checkpoint takes.

    python benchmarks/adapters.py experiment=sentiment_sst2 data.root=PATH model=run init.run=RUN \
        --split val [--adapters adapter=full 'adapter=lora optimizer.lr=2e-3'] [--seeds 3] [--metric accuracy]

Everything before the options is given to `gpt-exp train`; each of --adapters is one row, its overrides in one
word. Runs of a seed follow each other, so a machine's changing speed falls on all rows. Memory is the most
that the run's process had in use, on a CPU with all that was imported.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import mean, stdev
from typing import NamedTuple

from tqdm import tqdm

ADAPTERS = (
    "adapter=full",
    "adapter=last_layers",
    "adapter=lora optimizer.lr=2e-3",
    "adapter=dora optimizer.lr=2e-3",
    "adapter=head optimizer.lr=5e-3",
)


class Outcome(NamedTuple):
    metric: float
    num_trained: int
    megabytes: float
    seconds: float
    checkpoint_megabytes: float


def main() -> None:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("overrides", nargs="+", help="of `gpt-exp train`")
    parser.add_argument("--adapters", nargs="+", default=ADAPTERS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--metric", default="accuracy", help="a figure of the split in results.json")
    parser.add_argument("--split", default="test", help="val where the data have no test part, as data=sst2")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="gpt-exp-adapters-"))
    jobs = [(seed, row) for seed in range(1, 1 + arguments.seeds) for row in arguments.adapters]
    outcomes: dict[str, list[Outcome]] = {row: [] for row in arguments.adapters}
    for seed, row in tqdm(jobs, unit="run"):
        run = folder / f"run-{arguments.adapters.index(row)}-{seed}"
        changes = [*arguments.overrides, *row.split(), f"seed={seed}", f"paths.outputs={folder}"]
        outcomes[row].append(train([*changes, f"paths.run={run}"], run, arguments.split, arguments.metric))
    print(f"{'':34} {arguments.metric:>22} {'trained':>12} {'peak MB':>9} {'seconds':>9} {'saved MB':>9}")
    for row, found in outcomes.items():
        print(line(row, found))


def line(name: str, found: list[Outcome]) -> str:
    metrics = [outcome.metric for outcome in found]
    spread = f" +- {stdev(metrics):.4f}" if len(metrics) > 1 else ""
    _, trained, memory, seconds, saved = (mean(values) for values in zip(*found, strict=True))
    figure = f"{mean(metrics):.4f}{spread}"
    return f"{name:34} {figure:>22} {trained:12,.0f} {memory:9,.0f} {seconds:9,.0f} {saved:9.2f}"


def train(overrides: list[str], run: Path, split: str, metric: str) -> Outcome:
    command = [sys.executable, "-m", "gpt_exp", "train", *overrides]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    results = json.loads((run / "results.json").read_text())
    newest = max((run / "checkpoints").iterdir(), key=lambda path: path.stat().st_mtime)
    return Outcome(
        results[split][metric],
        results["num_trained_parameters"],
        results["peak_memory"] / 1e6,
        results["seconds"],
        sum(path.stat().st_size for path in newest.rglob("*")) / 1e6,
    )


if __name__ == "__main__":
    main()
