"""Do nine small runs tell the loss of one with four times the parameters?

    python benchmarks/scaling.py --outputs FOLDER

Three sizes times three numbers of steps as a sweep, then the larger run, which no law is fitted to, then
`gpt-exp scaling`, which tells prediction, interval and measured loss: all by the commands that a user would
give. The same command goes on where it was stopped.
About a quarter of an hour on two cores.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--outputs", type=Path, required=True, help="the folder for all runs")
    parser.add_argument("--models", nargs="+", default=[f"llama_scaling_{size}" for size in ("xs", "s", "m")])
    parser.add_argument("--steps", nargs="+", type=int, default=[200, 400, 800])
    parser.add_argument("--larger", default="llama_scaling_l")
    parser.add_argument("--larger-steps", type=int, default=1000)
    parser.add_argument("overrides", nargs="*", help="for all runs, such as optimizer.lr=0.01")
    arguments = parser.parse_args()
    outputs = arguments.outputs.resolve()
    small, larger = outputs / "small", outputs / "larger"
    sweep(small, arguments.models, arguments.steps, arguments.overrides)
    sweep(larger, [arguments.larger], [arguments.larger_steps], arguments.overrides)
    gpt_exp("scaling", small, larger, "holdout=largest", f"page='{outputs / 'scaling.html'}'")


def sweep(folder: Path, models: list[str], steps: list[int], overrides: list[str]) -> None:
    """Train all models for all numbers of steps; what is finished is not trained again."""
    values = [f"model={','.join(models)}", f"trainer.max_steps={','.join(map(str, steps))}"]
    places = [f"paths.outputs='{folder.parent}'", f"sweep.folder='{folder}'"]
    gpt_exp("train", "-m", "experiment=scaling", *values, *places, *overrides)


def gpt_exp(*arguments: str | Path) -> None:
    """Run a command as a user would, its output in this terminal."""
    print("gpt-exp", *arguments, flush=True)
    done = subprocess.run([sys.executable, "-m", "gpt_exp", *map(os.fspath, arguments)], check=False)
    if done.returncode:
        sys.exit(done.returncode)


if __name__ == "__main__":
    main()
