"""nanoGPT's own train.py as the yardstick: run from a checkout given by path, its code unchanged but for
the seed and for the validation loss: measured over the whole validation part, not on random batches of it.
"""

from __future__ import annotations

import argparse
import os
import pickle
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

WHOLE_VALIDATION = """
@torch.no_grad()
def estimate_loss():
    data = np.fromfile(os.path.join(data_dir, 'val.bin'), dtype=np.uint16).astype(np.int64)
    blocks = (len(data) - 1) // block_size
    x = torch.from_numpy(data[:blocks * block_size].reshape(blocks, block_size))
    y = torch.from_numpy(data[1:blocks * block_size + 1].reshape(blocks, block_size))
    model.eval()
    losses = [model(a, b)[1].item() * len(a) for a, b in zip(x.split(64), y.split(64))]
    model.train()
    return {'train': float('nan'), 'val': sum(losses) / blocks}
"""


def parser(description: str | None) -> argparse.ArgumentParser:
    """What every comparison with it must be told."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=description, formatter_class=form)
    parser.add_argument("--nanogpt", type=Path, required=True, help="a checkout of karpathy/nanoGPT")
    parser.add_argument("--text", type=Path, required=True, help="tinyshakespeare's input.txt")
    return parser


def workspace(checkout: Path, text: Path) -> Path:
    """A copy of the checkout with tinyshakespeare prepared as its prepare.py does it."""
    folder = Path(tempfile.mkdtemp(prefix="nanogpt-"))
    for name in ("train.py", "model.py", "configurator.py", "config"):
        source = checkout / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    data = folder / "data" / "shakespeare_char"
    data.mkdir(parents=True)
    content = text.read_text()
    characters = sorted(set(content))
    number = {character: i for i, character in enumerate(characters)}
    tokens = np.array([number[character] for character in content], dtype=np.uint16)
    cut = int(len(content) * 0.9)
    tokens[:cut].tofile(data / "train.bin")
    tokens[cut:].tofile(data / "val.bin")
    meta = {"vocab_size": len(characters), "stoi": number, "itos": dict(enumerate(characters))}
    (data / "meta.pkl").write_bytes(pickle.dumps(meta))
    return folder


def train(
    folder: Path, arguments: list[str], *, seed: int = 1337, environment: dict[str, str] | None = None
) -> str:
    """What its train.py prints with these arguments on the CPU."""
    code = (folder / "train.py").read_text().replace("1337 + seed_offset", f"{seed} + seed_offset")
    start = code.index("@torch.no_grad()")
    end = code.index("# learning rate decay scheduler")
    (folder / "run.py").write_text(code[:start] + WHOLE_VALIDATION + code[end:])
    command = [
        sys.executable,
        "-u",
        "run.py",
        "config/train_shakespeare_char.py",
        "--device=cpu",
        "--compile=False",
    ]
    output = subprocess.run(
        [*command, "--device=cpu", "--compile=False", *arguments],
        cwd=folder,
        env={**os.environ, **(environment or {})},
        check=True,
        capture_output=True,
        text=True,
    )
    return output.stdout


def validation_losses(output: str) -> dict[int, float]:
    return {int(step): float(loss) for step, loss in re.findall(r"step (\d+): .* val loss ([\d.]+)", output)}


def milliseconds(output: str) -> list[float]:
    """Of each logged iteration, the first five left out."""
    return [float(time) for time in re.findall(r"time ([\d.]+)ms", output)][5:]
