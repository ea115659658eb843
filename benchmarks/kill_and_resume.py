"""Is a run that is killed again and again the run that never was? Compares both to the last bit.

    python benchmarks/kill_and_resume.py --kills 5

The first run is left alone. The second is ended by SIGKILL at random steps, every other time while a
checkpoint is being written, and started again each time. Exit code 1 where weights, optimizer, metrics
or samples differ. About three minutes on two cores.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from gpt_exp.run import lines
from gpt_exp.run.folder import RunFolder

RUN = [  # All that has state: dropout, accumulation, packing, a schedule, Muon, early stopping, samples.
    "tokenizer=byte",
    "sampling=packed",
    "optimizer=muon",
    "schedule=cosine",
    "trainer=cpu",
    "callback=[checkpoint,samples,early_stopping]",
    "logger=[csv]",
    "model.num_layers=2",
    "model.num_heads=2",
    "model.embedding_dim=64",
    "model.context_length=64",
    "model.dropout=0.1",
    "batch_size=8",
    "trainer.accumulate_grad_batches=2",
    "trainer.log_every_n_steps=1",
    "trainer.val_check_interval=20",
    "trainer.limit_val_batches=4",
    "callback.checkpoint.every_n_steps=10",
    "callback.samples.every_n_steps=50",
    "callback.samples.max_new_tokens=20",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0, help="of the moments at which it is killed")
    parser.add_argument("overrides", nargs="*", help="for both runs, such as model=llama_nano")
    arguments = parser.parse_args()
    overrides = [*RUN, f"trainer.max_steps={arguments.steps}", *arguments.overrides]
    with tempfile.TemporaryDirectory() as outputs:
        whole, killed = (RunFolder(Path(outputs) / name) for name in ("whole", "killed"))
        start(whole, outputs, overrides).wait()
        process = start(killed, outputs, overrides)
        for number, step in enumerate(moments(arguments)):
            kill(process, killed, step, inside_save=number % 2 == 1)
            process = go_on(killed)
        process.wait()
        sys.exit(0 if compare(whole, killed) else 1)


def moments(arguments: argparse.Namespace) -> Iterator[int]:
    """A random step in each of equal parts of the run, its very end left out."""
    chance, part = random.Random(arguments.seed), (arguments.steps - 20) // arguments.kills
    for number in range(arguments.kills):
        yield number * part + chance.randrange(1, part)


def start(folder: RunFolder, outputs: str, overrides: list[str]) -> subprocess.Popen[bytes]:
    paths = [f"paths.run={folder.path}", f"paths.cache={outputs}/cache"]
    command_line = "import sys; from gpt_exp.cli import main; sys.exit(main())"
    return spawn(["-c", command_line, "train", *overrides, *paths])


def go_on(folder: RunFolder) -> subprocess.Popen[bytes]:
    return spawn(["-m", "gpt_exp.job", str(folder.path)])


def spawn(arguments: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)


def kill(process: subprocess.Popen[bytes], folder: RunFolder, step: int, *, inside_save: bool) -> None:
    """Wait for the step, and where asked for the next checkpoint that is half written; then SIGKILL."""
    while process.poll() is None and (last_step(folder) < step or (inside_save and not is_saving(folder))):
        time.sleep(0.0005)
    if process.poll() is not None:
        sys.exit(f"the run ended by itself with exit code {process.returncode} before step {step}")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    where = "inside a save" if is_saving(folder) else "between saves"
    whole = folder.newest_whole_checkpoint()
    print(f"killed at step {last_step(folder)}, {where}; goes on from {whole.name if whole else 'the start'}")


def last_step(folder: RunFolder) -> int:
    records = lines.read(folder.metrics)
    return records[-1]["step"] if records else -1


def is_saving(folder: RunFolder) -> bool:
    return any(folder.saved.glob(".tmp-*step-*"))


def compare(whole: RunFolder, killed: RunFolder) -> bool:
    """Print both sides' digests; whether all are equal."""
    same = True
    for name, first in digests(whole).items():
        second = digests(killed)[name]
        same &= first == second
        print(f"{name:10} {first}  {second}  {'equal' if first == second else 'DIFFERENT'}")
    return same


def digests(folder: RunFolder) -> dict[str, str]:
    last = folder.resolve("last")
    state = torch.load(last / "state.pt", weights_only=True)
    return {
        "step": last.name,
        "weights": sha256((last / "model.safetensors").read_bytes()),
        "optimizer": sha256(b"".join(canonical(state["optimizer_states"]))),
        "callbacks": sha256(b"".join(canonical(state["callbacks"]))),
        "metrics": sha256(folder.metrics.read_bytes()),
        "samples": sha256(folder.samples.read_bytes()),
    }


def canonical(value: object) -> Iterator[bytes]:
    """The bytes of a tree of plain data, every bit of its tensors among them."""
    if isinstance(value, torch.Tensor):
        yield f"{value.dtype}{tuple(value.shape)}".encode()
        yield value.contiguous().view(-1).view(torch.uint8).numpy().tobytes()
    elif isinstance(value, dict):
        for key in sorted(value, key=str):
            yield str(key).encode()
            yield from canonical(value[key])
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from canonical(inner)
    else:
        yield repr(value).encode()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


if __name__ == "__main__":
    main()
