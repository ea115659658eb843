"""gpt-exp average: the mean of weights as a run of its own.

Of the last checkpoints of a run (Polyak and Juditsky 1992; Vaswani et al. 2017, section 6.1), or of runs of
one network that began at the same weights (model soups, Wortsman et al. 2022, arXiv:2203.05482).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from omegaconf import DictConfig, open_dict
from torch import Tensor

from gpt_exp.errors import UserError
from gpt_exp.experiment.model import LoadedRun, load_run, refuse_several
from gpt_exp.run.checkpoint_io import PREFIX, RunCheckpointIO
from gpt_exp.run.durable import write_file
from gpt_exp.run.folder import RunFolder, step_of

KEPT = ("overrides.yaml", "data.json")  # Of the first run, beside its config and tokenizer.


class Part(NamedTuple):
    """A checkpoint of a run."""

    folder: RunFolder
    name: str


class Mean:
    """The mean of state dicts, one at a time; floating tensors are summed in float64.

    Of others, such as counters, the first is kept. Raises UserError for another network's tensors.
    """

    def __init__(self) -> None:
        self.count = 0
        self._first: dict[str, Tensor] = {}
        self._sums: dict[str, Tensor] = {}

    def add(self, state: dict[str, Tensor], where: str) -> None:
        if not self.count:
            self._first = {name: tensor.clone() for name, tensor in state.items()}
            self._sums = {n: t.double() for n, t in state.items() if t.is_floating_point()}
        else:
            self._check(state, where)
            for name, total in self._sums.items():
                total += state[name]
        self.count += 1

    def state(self) -> dict[str, Tensor]:
        """In the tensors' own types."""
        means = {n: (t / self.count).to(self._first[n].dtype) for n, t in self._sums.items()}
        return self._first | means

    def _check(self, state: dict[str, Tensor], where: str) -> None:
        if strange := sorted(state.keys() ^ self._first.keys()):
            raise UserError(f"{where}: {strange[0]} is in one network only; the mean is of equal networks")
        for name, tensor in state.items():
            shapes = tuple(tensor.shape), tuple(self._first[name].shape)
            if shapes[0] != shapes[1]:
                raise UserError(f"{where}: {name} is {shapes[0]} and before {shapes[1]}: another network")


def main(config: DictConfig, overrides: list[str]) -> None:
    """Write the folder, and say of how many checkpoints it is the mean."""
    parts = chosen(config)
    path = Path(config.path).expanduser() if config.path else beside(parts[0].folder)
    if path.exists():
        raise UserError(f"path={path} is there already: name another one")
    run = averaged(parts)
    save(run, parts, path)
    print(f"{path}: the mean of {len(parts)} checkpoints; gpt-exp evaluate run={path}")


def chosen(config: DictConfig) -> list[Part]:
    """The checkpoints to average, in the order of their names or as they are given; raises UserError."""
    if bool(config.run) == bool(config.runs):
        raise UserError("run or runs: one run whose checkpoints, or several runs that are averaged")
    if (config.runs or config.checkpoints) and config.last is not None:
        raise UserError("last: the newest of one run, without runs and without checkpoints")
    if config.runs:
        if config.checkpoints:
            raise UserError("checkpoints: of one run; of several, checkpoint=... says which of each")
        return [_part(RunFolder.open(run), config.checkpoint) for run in config.runs]
    folder = RunFolder.open(config.run)
    names = list(config.checkpoints) or _last(folder, config.last)
    return [_part(folder, name) for name in names]


def beside(folder: RunFolder) -> Path:
    """Where the mean goes unless the user says it."""
    path = folder.path if folder.path.name else folder.path.absolute()
    return path.with_name(f"{path.name}-average")


@torch.no_grad()
def averaged(parts: Sequence[Part]) -> LoadedRun:
    """The first part's run with the mean of all weights, low-rank adapters merged before."""
    tokens = tokenizer_of(parts[0].folder)
    mean, first = Mean(), None
    for folder, name in parts:
        if tokenizer_of(folder) != tokens:
            raise UserError(f"{folder.path}: another tokenizer than that of {parts[0].folder.path}")
        run = load_run(folder.path, name, merged=True)
        refuse_several(run.model, f"run={folder.path}")
        mean.add(run.model.state_dict(), f"{folder.path}, {name}")
        first = first or run
    assert first is not None
    first.model.load_state_dict(mean.state())
    return first


def tokenizer_of(folder: RunFolder) -> bytes:
    return (folder.tokenizer / "tokenizer.json").read_bytes()


def save(run: LoadedRun, parts: Sequence[Part], path: Path) -> None:
    """A run folder with one checkpoint, of the newest step; its config comes last, when it is whole.

    It has no identity: it is no result of its config, and resume=auto must not find it.
    """
    folder, first = RunFolder(path), parts[0].folder
    weights = {PREFIX + name: tensor for name, tensor in run.model.state_dict().items()}
    step = max(step_of(folder.resolve(name)) for folder, name in parts)
    RunCheckpointIO().save_checkpoint({"state_dict": weights, "global_step": step}, folder.checkpoint(step))
    run.tokenizer.save(folder.tokenizer)
    for name in KEPT:
        if (first.path / name).is_file():
            shutil.copyfile(first.path / name, path / name)
    write_file(path / "average.json", json.dumps(_told(parts), indent=1) + "\n")
    folder.set_status("finished", step=step)
    folder.save_config(independent(run.config, path))


def independent(config: DictConfig, path: Path) -> DictConfig:
    """A config with nothing left to adapt: the weights are whole, and adapters merged into them."""
    with open_dict(config):
        config.paths.run, config.adapter = str(path), None
    return config


def _last(folder: RunFolder, last: int | None) -> list[str]:
    names = [path.name for path in folder.checkpoints()]
    if last is not None and not 1 <= last <= len(names):
        raise UserError(
            f"last={last}: {folder.path} has {len(names)} checkpoints; "
            "train with callback.checkpoint.keep_last=... to keep more"
        )
    return names[:last]


def _part(folder: RunFolder, name: str) -> Part:
    """A checkpoint by its own name: "best" may mean another one tomorrow."""
    return Part(folder, folder.resolve(name).name)


def _told(parts: Iterable[Part]) -> list[dict[str, str]]:
    return [{"run": str(folder.path), "checkpoint": name} for folder, name in parts]
