"""What a pruned search saves: TPE with the median pruner against every job of a grid of 16.

    python benchmarks/pruned_search.py [--outputs FOLDER] [--trials 12] [--seeds 20]

Both are `gpt-exp train -m` on Python's own source. The grid's curves then answer searches with other seeds,
which trains nothing: how much of the result was luck? With --outputs what is finished there is not run again.
About ten minutes on two cores.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from gpt_exp.config.compose import compose
from gpt_exp.run.lines import read_metrics
from gpt_exp.run.summary import reached
from gpt_exp.sweep.folder import SweepFolder, sweep_folders
from gpt_exp.sweep.search.search import Search
from gpt_exp.sweep.settings import settings_of
from gpt_exp.sweep.space.space import read_space

METRIC = "val/loss"
MAX_STEPS = 120
SPACE = [
    "optimizer=adamw,muon",
    "optimizer.lr=0.001,0.003,0.01,0.03",
    "optimizer.weight_decay=0.0,0.1",
]
JOB = [
    "experiment=pretrain_demo",
    "model=llama_scaling_s",
    "tokenizer=bpe_1024",
    f"trainer.max_steps={MAX_STEPS}",
    "trainer.val_check_interval=20",
    "split={val_fraction: 0.005, test_fraction: 0.005}",  # The final evaluation reads all of it.
    "callback=[checkpoint]",
    "logger=none",
    "sweep.reuse=false",  # The search trains what the grid has trained before.
]

Curve = list[tuple[int, float]]  # Step and loss of each validation.


class Spent(NamedTuple):
    """What a search did."""

    steps: int
    best: float
    jobs: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--outputs", type=Path, help="where sweeps go, and go on; a temporary folder otherwise"
    )
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=20, help="of searches over the grid's curves")
    parser.add_argument("--slots", default="1")
    parser.add_argument("overrides", nargs="*", help="for all jobs, such as model=gpt_nano")
    arguments = parser.parse_args()
    common = [*arguments.overrides, f"sweep.slots={arguments.slots}"]
    search = ["sweep=tpe", f"sweep.num_trials={arguments.trials}"]
    with tempfile.TemporaryDirectory() as temporary:
        outputs = arguments.outputs or Path(temporary)
        grid = curves(sweep(outputs, "grid", common))
        tell(grid, sweep(outputs, "search", [*common, *search]))
    replays = [replay(grid, [*search, f"sweep.sampler.seed={seed}"]) for seed in range(arguments.seeds)]
    tell_replays(grid, replays)


def sweep(outputs: Path, name: str, settings: list[str]) -> SweepFolder:
    """Carry out a sweep, or what is left of it."""
    where = [f"name={name}", f"paths.outputs={outputs}"]
    command = [sys.executable, "-m", "gpt_exp", "train", "-m", *JOB, *SPACE, *settings, *where]
    subprocess.run(command, check=True)
    return next(SweepFolder(path) for path in sweep_folders(outputs) if path.parent.name == name)


def curves(folder: SweepFolder) -> dict[tuple[str, ...], Curve]:
    """Of every job by what sets it apart."""
    found = {}
    for job in folder.jobs():
        assert job.state == "finished", f"{job.run}: {job.reason}"
        records = read_metrics(folder.run(job).metrics)
        found[tuple(job.overrides)] = [(r["step"], r[METRIC]) for r in records if METRIC in r]
    return found


def replay(grid: dict[tuple[str, ...], Curve], overrides: list[str]) -> Spent:
    """A search of one job at a time whose jobs do what the grid's did."""
    settings = settings_of(compose("train", [*JOB, *overrides]))
    steps, best, jobs = 0, float("inf"), 0
    with tempfile.TemporaryDirectory() as folder:
        search = Search(read_space(SPACE), settings, Path(folder) / "study.journal", name="replay/0")
        while (trial := search.ask()) is not None:
            curve = grid[tuple(trial.overrides)]
            reported = [(step, loss) for step, loss in curve if step < MAX_STEPS]  # Then it has finished.
            pruned = next((step for step, loss in reported if search.report(trial.number, step, loss)), None)
            loss = min(loss for step, loss in curve if pruned is None or step <= pruned)
            search.tell(trial.number, "finished" if pruned is None else "pruned", [loss])
            steps, best, jobs = steps + (pruned or MAX_STEPS), min(best, loss), jobs + 1
    return Spent(steps, best, jobs)


def tell(grid: dict[tuple[str, ...], Curve], searched: SweepFolder) -> None:
    """The search that was trained, beside the grid."""
    ranked = sorted(grid, key=lambda job: min(loss for _, loss in grid[job]))
    best_job = f"best {METRIC} {best_of(grid):.4f} with {' '.join(ranked[0])}"
    print(f"\ngrid: {len(grid)} jobs of {MAX_STEPS} steps; {best_job}")
    spent, best = 0, float("inf")
    for job in searched.jobs():
        run = searched.run(job)
        steps = run.status()["step"]  # More than its metrics have: it trains on until it sees the request.
        value = reached(run, METRIC)
        spent, best = spent + steps, min(best, value.best if value else best)
        rank = ranked.index(tuple(job.overrides)) + 1
        loss = f"{value.best:.4f}" if value else "-"
        print(f"  {job.state:9} {steps:4} steps  {loss}  {rank:2}. of the grid  {' '.join(job.overrides)}")
    print("search, trained:", summary(grid, Spent(spent, best, len(searched.jobs()))))


def tell_replays(grid: dict[tuple[str, ...], Curve], replays: list[Spent]) -> None:
    """Beside what drawing as many different jobs by chance would find."""
    found = sum(spent.best <= best_of(grid) for spent in replays)
    jobs = round(mean(spent.jobs for spent in replays))
    average = Spent(round(mean(s.steps for s in replays)), mean(s.best for s in replays), jobs)
    print(f"{len(replays)} searches on the grid's curves: {summary(grid, average)}")
    print(
        f"{found} of them found its best job; {jobs} jobs drawn by chance have it in {jobs / len(grid):.0%}"
    )


def summary(grid: dict[tuple[str, ...], Curve], spent: Spent) -> str:
    """Of the steps saved, fewer jobs have their part, and pruning has its own."""
    share = spent.steps / (len(grid) * MAX_STEPS)
    pruned = 1 - spent.steps / (spent.jobs * MAX_STEPS)
    above = spent.best / best_of(grid) - 1
    return (
        f"{spent.jobs} jobs with {share:.0%} of the grid's steps (pruning alone saves {pruned:.0%}); "
        f"best {METRIC} {spent.best:.4f}, {above:.2%} above the grid's"
    )


def best_of(grid: dict[tuple[str, ...], Curve]) -> float:
    return min(loss for curve in grid.values() for _, loss in curve)


if __name__ == "__main__":
    main()
