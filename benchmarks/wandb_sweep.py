"""Two seeds, two optimizers and two sizes, logged to W&B offline: eight runs of one group, in their states.

The jobs of a second sweep fail.

    python benchmarks/wandb_sweep.py

The sweep is the real command. What it logged is read from W&B's own files, and then sent with `wandb sync` to
a server on this machine that keeps what it gets. Exit code 1 unless all is there, in its group and state.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "logger"))

from wandb_file import OfflineRun, read  # noqa: E402
from wandb_server import KEY, OnlineRun, WandbServer  # noqa: E402

SCRIPT = "import sys; from gpt_exp.cli import main; sys.exit(main())"
SWEPT = ["seed=1,2", "optimizer=adamw,muon", "model=gpt_nano,llama_nano"]
FAILING = ["seed=1,2", "model=gpt_nano", "model.context_length=100000"]  # Longer than the text.
MAX_STEPS = 4
TINY = [
    "data=text",
    f"data.paths=[{ROOT / 'tests' / 'assets' / 'public_domain.txt'}]",
    "tokenizer=byte",
    "split={val_fraction: 0.1, test_fraction: 0.1, by: tail}",
    "logger=[wandb]",
    "callback=[checkpoint]",
    "batch_size=2",
    f"trainer.max_steps={MAX_STEPS}",
    "trainer.val_check_interval=2",
    "trainer.log_every_n_steps=1",
    "trainer.limit_val_batches=2",
]


def main() -> None:
    with tempfile.TemporaryDirectory() as outputs:
        assert sweep([*TINY, *SWEPT], outputs) == 0
        files = offline_files(outputs)
        runs = [read(file) for file in files]
        show(runs)
        assert sweep([*TINY, *FAILING], outputs) == 1
        failed = [file for file in offline_files(outputs) if file not in files]
        synced = sync([str(file.parent) for file in [*files, *failed]], outputs)
        wrong = [*wrong_runs(runs), *wrong_failures([read(file) for file in failed])]
        wrong += wrong_on_server(synced, num_failed=len(failed))
    groups = {run.created["groupName"] for run in synced}
    print(f"wandb sync: {len(synced)} runs arrived in {len(groups)} groups, with exit codes and steps:")
    print([(*run.exit_codes, len(run.history)) for run in synced])
    for complaint in wrong:
        print(f"WRONG: {complaint}")
    sys.exit(1 if wrong else 0)


def sweep(overrides: list[str], outputs: str) -> int:
    command = [sys.executable, "-c", SCRIPT, "train", "-m", *overrides, f"paths.outputs={outputs}"]
    environment = {**os.environ, "WANDB_MODE": "offline", "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, env=environment, cwd=outputs, check=False).returncode


def offline_files(outputs: str) -> list[Path]:
    return sorted(Path(outputs).rglob("offline-run-*/run-*.wandb"))


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


def wrong_runs(runs: list[OfflineRun]) -> Iterator[str]:
    """Of the sweep that is to come through."""
    settings = {(run.config["seed"], str(run.config["optimizer"]), str(run.config["model"])) for run in runs}
    distinct = {"ids": {run.id for run in runs}, "names": {run.name for run in runs}, "settings": settings}
    for what, values in distinct.items():
        if len(values) != 8:
            yield f"{len(values)} {what} of {len(runs)} runs, instead of 8 of 8"
    groups = {run.group for run in runs}
    if len(groups) != 1 or "" in groups:
        yield f"the groups {groups} instead of one"
    for run in runs:
        state, steps = run.summary["state"], [row["_step"] for row in run.history]
        if (run.exit_code, state, steps) != (0, "finished", list(range(1, MAX_STEPS + 1))):
            yield f"{run.name}: exit code {run.exit_code}, {state}, steps {steps}"


def wrong_failures(runs: list[OfflineRun]) -> Iterator[str]:
    """Of the sweep whose jobs all fail."""
    if len(runs) != 2:
        yield f"{len(runs)} failed runs instead of 2"
    for run in runs:
        state, reason = run.summary["state"], run.summary["reason"]
        if (run.exit_code, state) != (1, "failed") or "context_length" not in reason:
            yield f"{run.name}: exit code {run.exit_code}, {state}, {reason}; expected failed"


def wrong_on_server(runs: list[OnlineRun], *, num_failed: int) -> Iterator[str]:
    """What `wandb sync` made of them."""
    groups = Counter(run.created["groupName"] for run in runs)
    if sorted(groups.values()) != [num_failed, 8]:
        yield f"groups of {sorted(groups.values())} runs arrived, instead of {num_failed} and 8"
    told = Counter((*run.exit_codes, len(run.history), run.summary.get("state")) for run in runs)
    if told != {(0, MAX_STEPS, "finished"): 8, (1, 0, "failed"): num_failed}:
        yield f"exit codes, steps and states on the server: {dict(told)}"


if __name__ == "__main__":
    main()
