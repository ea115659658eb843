"""What a cluster carries out for a job of a sweep: its run's process, and a note of how that ended."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from gpt_exp.run import durable, lock, stop_request
from gpt_exp.run.folder import RunFolder, read_json
from gpt_exp.sweep.cluster.queue_signals import TAKEN_BACK, QueueSignals

JOB = (sys.executable, "-m", "gpt_exp.job")
SURVIVOR_SECONDS = 120.0  # In which a run whose attendant was killed saves and stops by itself.
STOPPED = 128 + signal.SIGTERM
STOPS = (
    0,
    STOPPED,
    -signal.SIGTERM,
)  # Exit codes with which all processes of a distributed run end together.


def launch_file(run: RunFolder) -> Path:
    """As what the run was last given to a cluster: {"name", "index"}. The sweep writes it."""
    return run.path / "launched.json"


def note_file(run: RunFolder) -> Path:
    """What the cluster did with it: {"launch", "host", "job", "rank"}; at its end "exit_code", "reason"."""
    return run.path / "attended.json"


def console_file(run: RunFolder, rank: int) -> Path:
    """What a process of the run printed."""
    return run.console if rank == 0 else run.path / f"console-{rank}.log"


def work(config: Any) -> int:
    """Hydra's task function in a job of a cluster; of the config it needs nothing but the run folder."""
    run = RunFolder(config.paths.run)
    code = needless(run) if _rank() == 0 else None
    leaves_the_others = code is not None
    if code is None:
        code = attend(run)
    else:
        note(run, exit_code=code)
    if (leaves_the_others or code not in STOPS) and int(os.environ.get("SLURM_NTASKS", 1)) > 1:
        sys.exit(
            code % 256 or STOPPED
        )  # srun then ends the run's other processes, which would wait for this one.
    return code


def needless(run: RunFolder) -> int | None:
    """The exit code of a run that is finished, or was stopped while it waited; None for all others."""
    if run.status().get("state") == "finished":
        return 0
    request = stop_request.asked(run)
    if request is not None and request.reason != TAKEN_BACK:
        run.set_status(request.state, reason=request.reason)
        return STOPPED
    give_up = monotonic() + SURVIVOR_SECONDS
    while lock.is_held(run.path) and monotonic() < give_up:
        sleep(0.5)
    return None


def attend(run: RunFolder) -> int:
    """Train the run in a process; its exit code, negative where a signal killed it."""
    if _rank() == 0:
        note(run)
    with QueueSignals(run, speaks=_rank() == 0) as queue:
        process = _start(run)
        queue.listen(process)
        code, reason = process.wait(), None
        if code != 0:
            try:
                queue.give_back()
            except Exception as refusal:  # Submitit's, of a job whose time was up often enough.
                reason = f"{refusal} (hydra.launcher.max_num_timeout=N lets it come back N times)"
    if _rank() == 0 or (code not in STOPS and "exit_code" not in read_json(note_file(run))):
        note(run, exit_code=code, reason=reason)
    return code


def note(run: RunFolder, **known: int | str | None) -> None:
    """Write down how this attempt gets on, for a sweep that may be elsewhere or gone."""
    job = os.environ.get("SLURM_ARRAY_JOB_ID", os.environ.get("SLURM_JOB_ID"))
    if index := os.environ.get("SLURM_ARRAY_TASK_ID"):
        job = f"{job}_{index}"
    told = {"launch": read_json(launch_file(run)).get("name"), "host": socket.gethostname(), "job": job}
    told |= {"rank": _rank(), **known}
    kept = {key: value for key, value in told.items() if value is not None}
    durable.write_file(note_file(run), json.dumps(kept) + "\n")


def _start(run: RunFolder) -> subprocess.Popen[bytes]:
    threads = {"OMP_NUM_THREADS": os.environ.get("SLURM_CPUS_PER_TASK", "")}
    own = {"GPT_EXP_MANAGER": str(os.getpid()), "COLUMNS": "100"}
    with console_file(run, _rank()).open("ab") as output:
        return subprocess.Popen(
            [*JOB, str(run.path)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**{key: value for key, value in threads.items() if value}, **os.environ, **own},
            start_new_session=True,
        )


def _rank() -> int:
    """Which process of a distributed run this one attends."""
    return int(os.environ.get("SLURM_PROCID", 0))
