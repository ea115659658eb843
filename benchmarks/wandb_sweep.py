"""Two seeds, two optimizers and two sizes, logged to W&B offline: eight runs of one group, in their states.

    python benchmarks/wandb_sweep.py

The sweep is the real command. What it logged is read from W&B's own files, and then sent with `wandb sync` to
a server on this machine that keeps what it gets.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "logger"))

from wandb_file import OfflineRun, read  # noqa: E402
from wandb_server import KEY, OnlineRun, WandbServer  # noqa: E402

SCRIPT = "import sys; from gpt_exp.cli import main; sys.exit(main())"
SWEPT = ["seed=1,2", "optimizer=adamw,muon", "model=gpt_nano,llama_nano"]
TINY = [
    "data=text",
    f"data.paths=[{ROOT / 'tests' / 'assets' / 'public_domain.txt'}]",
    "tokenizer=byte",
    "split={val_fraction: 0.1, test_fraction: 0.1, by: tail}",
    "logger=[wandb]",
    "callback=[checkpoint]",
    "batch_size=2",
    "trainer.max_steps=4",
    "trainer.val_check_interval=2",
    "trainer.log_every_n_steps=1",
    "trainer.limit_val_batches=2",
]


def main() -> None:
    with tempfile.TemporaryDirectory() as outputs:
        sweep([*TINY, *SWEPT], outputs)
        files = sorted(Path(outputs).rglob("offline-run-*/run-*.wandb"))
        runs = [read(file) for file in files]
        show(runs)
        synced = sync([str(file.parent) for file in files], outputs)
    groups = {run.created["groupName"] for run in synced}
    print(f"wandb sync: {len(synced)} runs arrived in {len(groups)} group, with exit codes and steps:")
    print([(*run.exit_codes, len(run.history)) for run in synced])
    sys.exit(0 if is_right(runs) and len(synced) == len(runs) else 1)


def sweep(overrides: list[str], outputs: str) -> None:
    command = [sys.executable, "-c", SCRIPT, "train", "-m", *overrides, f"paths.outputs={outputs}"]
    environment = {**os.environ, "WANDB_MODE": "offline", "OMP_NUM_THREADS": "1"}
    subprocess.run(command, env=environment, cwd=outputs, check=True)


def sync(folders: list[str], outputs: str) -> list[OnlineRun]:
    with WandbServer() as server:
        environment = {**os.environ, "WANDB_BASE_URL": server.url, "WANDB_API_KEY": KEY}
        command = [sys.executable, "-m", "wandb", "sync", *folders]
        subprocess.run(command, env=environment, cwd=outputs, check=True, capture_output=True)
        return list(server.runs.values())


def show(runs: list[OfflineRun]) -> None:
    print(f"{'run':10}{'group':44}{'exit code':>10}{'steps':>7}{'val/loss':>10}  name")
    for run in runs:
        loss = f"{run.summary['best/val/loss']:.4f}"
        print(f"{run.id:10}{run.group:44}{run.exit_code!s:>10}{len(run.history):7}{loss:>10}  {run.name}")
    for what in ("id", "group", "name", "exit_code"):
        values = {getattr(run, what) for run in runs}
        print(f"distinct {what.replace('_', ' ')}s: {len(values)}")


def is_right(runs: list[OfflineRun]) -> bool:
    distinct = {run.id for run in runs}, {run.name for run in runs}
    settings = {(run.config["seed"], str(run.config["optimizer"]), str(run.config["model"])) for run in runs}
    groups = {run.group for run in runs}
    return (
        [len(each) for each in (*distinct, settings)] == [8, 8, 8]
        and len(groups) == 1
        and groups != {""}
        and all(run.exit_code == 0 and run.summary["state"] == "finished" for run in runs)
    )


if __name__ == "__main__":
    main()
