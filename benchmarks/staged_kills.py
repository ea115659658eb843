"""Does a staged experiment that is killed in every stage end with the weights of one that never was?

    python benchmarks/staged_kills.py

Carries out experiment=staged_summarization twice. The second time every stage is ended by SIGKILL at a
random step, or where it has none at a random moment, with the command around it, and the same command is
given again.
Then it is given once more, when all is cached, and its time is printed. Exit code 1 where weights, metrics or
the figures of an evaluation differ. About twenty minutes on two cores.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from gpt_exp.config.verbs import TRAIN
from gpt_exp.run import lines, lock
from gpt_exp.run.folder import RunFolder, read_json
from gpt_exp.stages.index import Entry, Index
from gpt_exp.stages.lineage import verb_of

MEASURED = ("seconds", "peak_memory")  # Results that no two runs share.


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--experiment", default="staged_summarization")
    parser.add_argument("--seed", type=int, default=0, help="of the moments at which it is killed")
    parser.add_argument("overrides", nargs="*", help="for both, such as trainer.max_steps=40")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as outputs:
        whole, killed = (Path(outputs) / name for name in ("whole", "killed"))
        start(whole, arguments).wait()
        chance = random.Random(arguments.seed)
        for entry in Index(experiment(whole, arguments)).entries():
            kill_in(entry, killed, arguments, chance)
        start(killed, arguments).wait()
        same = compare(experiment(whole, arguments), experiment(killed, arguments))
        began = time.monotonic()
        start(killed, arguments).wait()
        print(f"the same command again, all cached: {time.monotonic() - began:.1f} s")
    sys.exit(0 if same else 1)


def experiment(outputs: Path, arguments: argparse.Namespace) -> Path:
    return outputs / arguments.experiment


def start(outputs: Path, arguments: argparse.Namespace) -> subprocess.Popen[bytes]:
    """Texts are prepared once for both."""
    paths = [f"paths.outputs={outputs}", f"paths.cache={outputs.parent}/cache"]
    given = ["train", f"experiment={arguments.experiment}", *paths, *arguments.overrides]
    return subprocess.Popen([sys.executable, "-m", "gpt_exp", *given], stdout=subprocess.DEVNULL)


def kill_in(entry: Entry, outputs: Path, arguments: argparse.Namespace, chance: random.Random) -> None:
    """Give the command, wait for a random moment of this stage, then SIGKILL for it and for the command."""
    run, process = RunFolder(experiment(outputs, arguments) / entry.folder), start(outputs, arguments)
    reached = moment(run, entry, chance)
    while not reached():
        if process.poll() is not None:
            sys.exit(f"{entry.stage} ended by itself with exit code {process.returncode}")
        time.sleep(0.001)
    job = lock.holder(run.path)
    os.kill(process.pid, signal.SIGKILL)
    if job is not None:
        os.kill(job, signal.SIGKILL)
    process.wait()
    whole = run.newest_whole_checkpoint()
    origin = whole.name if whole else "its start"
    print(f"killed in {entry.stage} at step {last_step(run)}; goes on from {origin}")


def moment(run: RunFolder, entry: Entry, chance: random.Random) -> Callable[[], bool]:
    """Whether a random step of a stage is reached; without steps, a random share of the time it takes."""
    share, began = chance.random(), []

    def reached() -> bool:
        status = run.status()
        if status.get("state") != "running" or lock.holder(run.path) is None:
            return False
        if (steps := status.get("max_steps")) is not None:
            return last_step(run) >= 1 + int(share * (steps - 1))
        began.append(time.monotonic())
        return began[-1] - began[0] > share * (entry.seconds or 0)

    return reached


def last_step(run: RunFolder) -> int:
    records = lines.read(run.metrics) if run.metrics.exists() else []
    return records[-1]["step"] if records else -1


def compare(whole: Path, killed: Path) -> bool:
    """Print both sides' digests of every stage; whether all are equal."""
    same, other = True, {entry.stage: entry for entry in Index(killed).entries()}
    for entry in Index(whole).entries():
        first, second = digests(whole / entry.folder), digests(killed / other[entry.stage].folder)
        for name in first:
            same &= first[name] == second[name]
            told = "equal" if first[name] == second[name] else "DIFFERENT"
            print(f"{entry.stage:12} {name:8} {first[name]}  {second[name]}  {told}")
    return same


def digests(path: Path) -> dict[str, str]:
    """Of all that must not hang on a kill; times may."""
    run = RunFolder(path)
    figures = {name: each for name, each in read_json(run.results).items() if name not in MEASURED}
    found = {"figures": sha256(json.dumps(figures, sort_keys=True).encode())}
    if verb_of(run) == TRAIN:
        last = run.resolve("last")
        files = {"weights": last / "model.safetensors", "metrics": run.metrics}
        found |= {"step": last.name, **{name: sha256(file.read_bytes()) for name, file in files.items()}}
    return found


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


if __name__ == "__main__":
    main()
