"""A sweep in which nearly everything goes wrong: does the rest come through, and is the table right?

    python benchmarks/hard_sweep.py

Of twelve jobs one raises, one is ended by SIGKILL, one takes too much memory, one hangs, and one calls
sys.exit. The sweep's manager is ended by SIGKILL twice, and the same command given again. Exit code 1
unless the other seven jobs finish, no finished job runs again, and the leaderboard is complete and right.
About four minutes on two cores.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gpt_exp.sweep.folder import Job, SweepFolder, sweep_folders

SEEDS = range(1, 13)
SAVED_AT, TROUBLE_AT, MAX_STEPS = 10, 15, 40  # Steps.
REASONS = {  # By seed: how the job fails, and what its reason must say.
    2: ("broken", "RuntimeError: this job is broken"),
    4: ("killed", "killed by SIGKILL"),
    6: ("greedy", "out of memory"),
    8: ("hanging", "hung: not a line"),
    10: ("leaving", "before it was finished"),
}
TROUBLE = f"""
import os, signal, sys, time

from lightning.pytorch import Callback

TROUBLES = { ({seed: name for seed, (name, _) in REASONS.items()})!r}
TROUBLE_AT = {TROUBLE_AT}


class Trouble(Callback):
    def __init__(self, *, seed: int) -> None:
        self.trouble = TROUBLES.get(seed)

    def on_train_batch_end(self, trainer, *args):
        if trainer.global_step == TROUBLE_AT and self.trouble:
            globals()[self.trouble]()


def broken():
    raise RuntimeError("this job is broken")


def killed():
    os.kill(os.getpid(), signal.SIGKILL)


def greedy():
    held = b"x" * 3_000_000_000
    time.sleep(60)


def hanging():
    time.sleep(3600)


def leaving():
    sys.exit(0)
"""
OPTION = "trouble:\n  _target_: trouble.Trouble\n  seed: ${seed}\n"
JOBS = [
    "experiment=pretrain_demo",
    "tokenizer=byte",
    "model=gpt_nano",
    "model.context_length=64",
    "batch_size=4",
    "callback=[checkpoint,trouble]",
    f"callback.checkpoint.every_n_steps={SAVED_AT}",
    "logger=none",
    f"trainer.max_steps={MAX_STEPS}",
    "trainer.val_check_interval=10",
    "trainer.limit_val_batches=2",
    "split.test_fraction=0.002",
    "split.val_fraction=0.002",
    "sweep.silence=1.5",
    "sweep.memory=2.5",
    f"seed={','.join(map(str, SEEDS))}",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=2, help="of the manager")
    parser.add_argument("overrides", nargs="*", help="for every job")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        complaints = list(hard_sweep(Path(folder), arguments.kills, arguments.overrides))
    for complaint in complaints:
        print(f"WRONG: {complaint}")
    sys.exit(1 if complaints else 0)


def hard_sweep(folder: Path, kills: int, overrides: list[str]) -> Iterator[str]:
    """Everything that is not as it should be."""
    place_trouble(folder)
    finished: dict[int, int] = {}  # The attempts at each job that had finished before a kill.
    for kill in range(kills):
        done = kill_after(folder, overrides, num_finished=2 * kill + 2)
        finished = done | finished  # What was noted first must not grow.
        print(f"manager killed with {len(finished)} jobs finished", flush=True)
    code = start(folder, overrides).wait()
    sweeps = sweep_folders(folder / "outputs")
    sweep = SweepFolder(sweeps[0])
    jobs = sweep.jobs()
    for job in jobs:
        told = f"{job.state:9} {len(job.attempts)} attempts  {job.reason or ''}"
        print(f"{job.number:04d}  {job.overrides[0]:8} {told}")
    if len(sweeps) != 1 or code != 1:
        yield f"{len(sweeps)} sweep folders instead of one; exit code {code} instead of 1"
    yield from wrong_jobs(jobs)
    for number, attempts in finished.items():
        if len(jobs[number].attempts) != attempts:
            yield f"job {number} had finished and ran again"
    yield from wrong_table(sweep, kills)


def place_trouble(folder: Path) -> None:
    """The callback and its option, as a user's own."""
    (folder / "trouble.py").write_text(TROUBLE)
    (folder / "conf/callback").mkdir(parents=True)
    (folder / "conf/callback/trouble.yaml").write_text(OPTION)


def start(folder: Path, overrides: list[str]) -> subprocess.Popen:
    arguments = [
        "-m",
        *JOBS,
        *overrides,
        f"paths.outputs={folder / 'outputs'}",
        "--config-dir",
        folder / "conf",
    ]
    environment = {**os.environ, "GPT_EXP_ALLOW": "trouble", "PYTHONPATH": str(folder)}
    log = (folder / "manager.log").open("ab")
    return subprocess.Popen(
        [sys.executable, "-m", "gpt_exp", "train", *map(str, arguments)],
        env=environment,
        stdout=log,
        stderr=log,
    )


def kill_after(folder: Path, overrides: list[str], num_finished: int) -> dict[int, int]:
    """SIGKILL the manager when so many jobs have finished; the attempts at each of those."""
    manager = start(folder, overrides)
    while manager.poll() is None:
        time.sleep(0.1)
        done = [job for path in sweep_folders(folder / "outputs") for job in SweepFolder(path).jobs()]
        done = [job for job in done if job.state == "finished"]
        if len(done) >= num_finished:
            manager.send_signal(signal.SIGKILL)
            manager.wait()
            return {job.number: len(job.attempts) for job in done}
    raise RuntimeError(f"the sweep ended by itself:\n{(folder / 'manager.log').read_text()}")


def wrong_jobs(jobs: list[Job]) -> Iterator[str]:
    """Jobs whose state or reason is not what they did."""
    if len(jobs) != len(SEEDS):
        yield f"{len(jobs)} jobs instead of {len(SEEDS)}"
    for job in jobs:
        _, said = REASONS.get(job.number + 1, ("", ""))
        if job.state != ("failed" if said else "finished") or said not in (job.reason or ""):
            yield f"job {job.number}: {job.state}, {job.reason}; expected {said or 'finished'}"


def wrong_table(sweep: SweepFolder, kills: int) -> Iterator[str]:
    """What leaderboard.csv and leaderboard.json say otherwise than what each seed does and its run logged."""
    with sweep.leaderboard_csv.open() as file:
        tables = {
            "csv": list(csv.DictReader(file)),
            "json": json.loads(sweep.leaderboard_json.read_text())["jobs"],
        }
    for name, rows in tables.items():
        seeds = [int(row["seed"]) for row in rows]
        if sorted(seeds) != list(SEEDS):
            yield f"the {name} table has the seeds {seeds}"
        best = [float(row["best"]) for row in rows if row["state"] == "finished" and row["best"]]
        if best != sorted(best):
            yield f"the {name} table is not in the order of its values: {best}"
        for row in rows:
            for wrong in wrong_cells(row, kills):
                yield f"seed {row['seed']} in the {name} table: {wrong}"


def wrong_cells(row: dict[str, Any], kills: int) -> Iterator[str]:
    """A job that a kill of the manager met, and no other, may have had one attempt more for it."""
    trouble, said = REASONS.get(int(row["seed"]), ("", ""))
    state = "failed" if trouble else "finished"
    reason = row["reason"] or ""
    if row["state"] != state or said not in reason or (reason and not said):
        yield f"{row['state']}, {reason or 'no reason'}; expected {state}, {said or 'no reason'}"
    steps = range(SAVED_AT, TROUBLE_AT + 1) if trouble else [MAX_STEPS]  # It dies before its step is logged.
    if int(row["steps"]) not in steps:
        yield f"{row['steps']} steps; expected {max(steps)}"
    fewest = 2 if trouble == "greedy" else 1  # Once more with half the micro-batch.
    if not fewest <= int(row["attempts"]) <= fewest + kills:
        yield f"{row['attempts']} attempts; expected {fewest}, and at most {kills} more"
    logged = least_loss(Path(row["run"]))
    if str(row["best"]) != str(logged):
        yield f"a best value of {row['best']}; the run has logged {logged}"


def least_loss(run: Path) -> float | None:
    """As a reader without this package would find it."""
    records = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return min((record["val/loss"] for record in records if "val/loss" in record), default=None)


if __name__ == "__main__":
    main()
