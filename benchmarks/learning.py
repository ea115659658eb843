"""Does our loop learn as well as nanoGPT's? Its CPU recipe on tinyshakespeare, step for step.

    python benchmarks/learning.py --nanogpt CHECKOUT --text tinyshakespeare.txt [--seeds 3]

Both are measured by the loss over the whole validation part, in all disjoint blocks of 64.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import mean

sys.path.insert(0, str(Path(__file__).parent))
import nanogpt

EVERY = 250
RECIPE = [
    f"--eval_interval={EVERY}",
    "--log_interval=100",
    "--block_size=64",
    "--batch_size=12",
    "--n_layer=4",
    "--n_head=4",
    "--n_embd=128",
    "--max_iters=2000",
    "--lr_decay_iters=2000",
    "--dropout=0.0",
]


def ours(text: Path, seed: int, precision: str) -> dict[int, float]:
    """Validation loss by step, and the final one over everything, of `gpt-exp train`."""
    run = Path(tempfile.mkdtemp(prefix="gpt-exp-")) / "run"
    overrides = [
        "experiment=shakespeare_char",
        f"data.paths=[{text}]",
        f"seed={seed}",
        f"paths.run={run}",
        f"trainer.precision={precision}",
        f"trainer.val_check_interval={EVERY}",
        "trainer.limit_val_batches=1.0",
        "callback=[checkpoint]",
    ]
    subprocess.run([sys.executable, "-m", "gpt_exp", "train", *overrides], check=True, capture_output=True)
    lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return {line["step"]: line["val/loss"] for line in lines if "val/loss" in line}


def main() -> None:
    parser = nanogpt.parser(__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--precision", nargs="+", default=["32-true", "bf16-mixed"])
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    seeds = range(1337, 1337 + arguments.seeds)
    folder = nanogpt.workspace(arguments.nanogpt, arguments.text)
    curves = {
        "nanoGPT": [nanogpt.validation_losses(nanogpt.train(folder, RECIPE, seed=seed)) for seed in seeds]
    }
    for precision in arguments.precision:
        curves[f"gpt-exp {precision}"] = [ours(arguments.text.resolve(), seed, precision) for seed in seeds]
    print("loss over the whole validation part, mean of seeds", *seeds)
    print("step", *curves, sep="\t")
    for step in range(EVERY, 2001, EVERY):
        print(step, *(f"{mean(curve[step] for curve in runs):.4f}" for runs in curves.values()), sep="\t")
    for name, runs in curves.items():
        print(f"{name}: final by seed", *(f"{curve[2000]:.4f}" for curve in runs))


if __name__ == "__main__":
    main()
