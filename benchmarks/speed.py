"""How fast is the whole of `gpt-exp train` beside nanoGPT's train.py, at nanoGPT's "baby GPT"?

    python benchmarks/speed.py --nanogpt CHECKOUT --text tinyshakespeare.txt [--rounds 4]

6 layers x 6 heads x 384, context 256, batch 16, two threads on the CPU, in turns; logging and progress
bar on. Prints tokens per second of each round and the ratio of the medians.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent))
import nanogpt

TOKENS = 16 * 256  # In one step.
THREADS = {"OMP_NUM_THREADS": "2", "OMP_PROC_BIND": "true", "OMP_PLACES": "cores"}


def theirs(folder: Path, steps: int) -> float:
    recipe = f"--eval_interval=100000 --log_interval=1 --batch_size=16 --max_iters={steps}".split()
    # The evaluation at step 0 can't be switched off; it is not in the times.
    return TOKENS * 1000 / median(nanogpt.milliseconds(nanogpt.train(folder, recipe, environment=THREADS)))


def ours(text: Path, steps: int, options: list[str]) -> float:
    run = Path(tempfile.mkdtemp(prefix="gpt-exp-")) / "run"
    overrides = [
        "experiment=shakespeare_baby",
        f"data.paths=[{text}]",
        f"trainer.max_steps={steps}",
        f"trainer.val_check_interval={steps}",
        "trainer.limit_val_batches=1",
        f"paths.run={run}",
        *options,
    ]
    command = [sys.executable, "-m", "gpt_exp", "train", *overrides]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **THREADS})
    lines = [json.loads(line) for line in (run / "speed.jsonl").read_text().splitlines()]
    return median(line["speed/tokens_per_second"] for line in lines[1:])  # The first ten steps warm up.


def main() -> None:
    parser = nanogpt.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("options", nargs="*", help="more overrides of ours, such as compile=true")
    arguments = parser.parse_args()
    folder = nanogpt.workspace(arguments.nanogpt, arguments.text)
    rounds = []
    for _ in range(arguments.rounds):
        peer, own = (
            theirs(folder, arguments.steps),
            ours(arguments.text.resolve(), arguments.steps, arguments.options),
        )
        print(
            f"nanoGPT {peer:8.0f} tokens/s   gpt-exp {own:8.0f} tokens/s   ratio {own / peer:.2f}", flush=True
        )
        rounds.append((peer, own))
    peer, own = (median(side) for side in zip(*rounds, strict=True))
    print(f"medians: nanoGPT {peer:.0f}, gpt-exp {own:.0f}, ratio {own / peer:.2f}")


if __name__ == "__main__":
    main()
