"""Sweep folders as a sweep leaves them, without the training."""

import itertools
import json
import math
from pathlib import Path

from gpt_exp.run import lines
from gpt_exp.run.folder import RunFolder
from gpt_exp.sweep.folder import Attempt, Job, SweepFolder

LOSS = {"optimizer.lr": {0.001: 0.5, 0.01: 0.1, 0.1: 0.9}, "optimizer": {"adamw": 0.2, "sgd": 0.6}}


def loss_of(parameters: dict, step: int) -> float:
    """Falls with the step; where to is up to the parameters, and a little to the seed."""
    end = sum(LOSS.get(key, {}).get(value, 0.0) for key, value in parameters.items())
    return 2 + end + 0.01 * parameters.get("seed", 0) + 2 * math.exp(-step / 20)


def write_sweep(
    path: Path, parameters: dict[str, list], objectives=(("val/loss", "minimize"),)
) -> SweepFolder:
    """A finished grid."""
    sweep = SweepFolder(path)
    arguments = ["-m", *(f"{key}={','.join(map(str, values))}" for key, values in parameters.items())]
    command = " ".join(["gpt-exp train", *arguments])
    asked = {
        "arguments": arguments,
        "command": command,
        "key": "0",
        "objectives": [list(o) for o in objectives],
    }
    sweep.save_asked(
        {**asked, "search": None, "parameters": list(parameters), "created": "2026-01-01T00:00:00"}
    )
    jobs = []
    for number, values in enumerate(itertools.product(*parameters.values())):
        given = dict(zip(parameters, values, strict=True))
        job = Job(number, str(number), [f"{k}={v}" for k, v in given.items()], f"{number:04d}", "finished")
        job.attempts.append(Attempt(started=100.0, ended=130.0))
        write_run(sweep.run(job), given)
        jobs.append(job)
    sweep.save_jobs(jobs)
    return sweep


def write_run(run: RunFolder, given: dict, steps: int = 60) -> None:
    run.path.mkdir(parents=True)
    run.config_file.write_text(f"name: demo\nseed: {given.get('seed', 0)}\n")
    for step in range(1, steps + 1):
        record = {"step": step, "train/loss": loss_of(given, step)}
        lines.append(
            run.metrics, record | ({"val/loss": loss_of(given, step) + 0.1} if step % 10 == 0 else {})
        )
    results = {"step": steps, "num_parameters": 1000 * (1 + len(str(given))), "seconds": 25.0}
    run.results.write_text(json.dumps(results | {"val": {"loss": loss_of(given, steps)}}))
    run.report.write_text("a page")
    run.set_status("finished", step=steps, max_steps=60)


def change(sweep: SweepFolder, number: int, **known) -> Job:
    """Set what a job's manifest entry says."""
    jobs = sweep.jobs()
    for key, value in known.items():
        setattr(jobs[number], key, value)
    sweep.save_jobs(jobs)
    return jobs[number]
