"""How long the light commands take, beside a bare interpreter's start.

python benchmarks/startup.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

REPEATS = 7
SCRIPT = "import sys; from gpt_exp.cli import main; sys.exit(main())"
COMMANDS = [
    ["--help"],
    ["train", "--help"],
    ["check", "experiment=pretrain_demo"],
    ["check", "trainer=gpu_8"],
]


def main() -> None:
    bare = median([sys.executable, "-c", "pass"])
    print(f"{'bare interpreter':44}{bare:7.3f} s")
    for command in COMMANDS:
        seconds = median([sys.executable, "-c", SCRIPT, *command])
        print(f"{'gpt-exp ' + ' '.join(command):44}{seconds:7.3f} s{seconds / bare:7.1f} x")


def median(command: list[str]) -> float:
    """Seconds of the middle one of several runs, after one to warm the file cache."""
    subprocess.run(command, capture_output=True, check=True)
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


if __name__ == "__main__":
    main()
