"""The run folder: everything that a run leaves, and all that dashboards and comparisons read."""

from __future__ import annotations

import difflib
import json
import logging
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from yaml import YAMLError

from gpt_exp.errors import UserError
from gpt_exp.run import durable, lines, lock
from gpt_exp.run.environment import environment, git_state
from gpt_exp.run.identity import identity
from gpt_exp.run.loads import loads

BEST = "best"  # The name of the best checkpoint, and of its file.
LAST = "last"
STATES = ("running", "finished", "stopped", "pruned", "failed")
logger = logging.getLogger(__name__)


class RunFolder:
    """The paths in a run folder and what they say; nothing is read or written before it is asked for."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.config_file = self.path / "config.yaml"  # A folder that has it is a run folder: written last.
        self.overrides = self.path / "overrides.yaml"
        self.environment = self.path / "environment.json"
        self.git = self.path / "git.json"
        self.patch = self.path / "git.patch"
        self.status_file = self.path / "status.json"
        self.log = self.path / "train.log"
        self.console = self.path / "console.log"  # All that a job of a sweep printed.
        self.identity = self.path / "identity"  # Of the config (gpt_exp.run.identity): runs are found fast.
        self.stop_request = self.path / "stop"  # Whoever writes it asks the run to stop, and says why.
        self.metrics = self.path / "metrics.jsonl"
        self.speed = self.path / "speed.jsonl"
        self.samples = self.path / "samples.jsonl"
        self.results = self.path / "results.json"
        self.report = self.path / "report.html"
        self.best = self.best_file(BEST)
        self.tokenizer = self.path / "tokenizer"
        self.data = self.path / "data.json"  # What the corpus was made of: it must not change.
        self.lineage = self.path / "lineage.json"  # Of a stage: what it came from (gpt_exp.stages).
        self.saved = self.path / "checkpoints"
        self._appended = (self.metrics, self.speed, self.samples)

    @classmethod
    def open(cls, path: Path | str) -> RunFolder:
        """The run folder at a path that a user gave."""
        folder = cls(path)
        if not folder.config_file.is_file():
            raise UserError(f"{path} is not a run folder (it has no config.yaml){_nearest(folder.path)}")
        return folder

    @classmethod
    def create(cls, path: Path | str, config: Any, overrides: Sequence[str]) -> RunFolder:
        """A new run with all that is known before its start; raises UserError where another run lives."""
        folder = cls(path)
        if folder.config_file.exists():
            raise UserError(f"{path} holds a run already; go on with it by resume={path}")
        durable.write_file(folder.overrides, OmegaConf.to_yaml(list(overrides)))
        _write_json(folder.environment, environment() | {"created": _now()})
        if (git := git_state()) is not None:
            state, patch = git
            _write_json(folder.git, state)
            if patch:
                durable.write_file(folder.patch, patch)
        durable.write_file(folder.identity, identity(config) + "\n")
        folder.save_config(config)
        return folder

    def config(self) -> DictConfig:
        """The resolved config that the run was started with; raises UserError where it can't be read."""
        try:
            config = OmegaConf.load(self.config_file)
        except (YAMLError, ValueError, OSError) as error:
            raise UserError(f"{self.config_file} can't be read: {' '.join(str(error).split())}") from error
        if not isinstance(config, DictConfig):
            raise UserError(f"{self.config_file} holds no config, which is keys with values")
        return config

    def plain_config(self) -> dict[str, Any]:
        """The config as it is written: nothing is put in for interpolations, least of all this machine's."""
        config: Any = OmegaConf.to_container(self.config(), resolve=False)
        return config

    def cache(self) -> Path | None:
        """Where the run kept what runs share."""
        paths = self.plain_config().get("paths")
        cache = paths.get("cache") if isinstance(paths, Mapping) else None
        return Path(cache) if isinstance(cache, str) else None

    def has(self, path: Path) -> bool:
        """Whether a file is there and lies here: a link to elsewhere is not shown to whoever sees the run."""
        return path.is_file() and path.resolve().parent == self.path.resolve()

    def save_config(self, config: Any) -> None:
        durable.write_file(self.config_file, OmegaConf.to_yaml(OmegaConf.create(config), resolve=True))

    def status(self) -> dict[str, Any]:
        """{"state", "updated"} and where known "step", "max_steps", "reason"; empty before the start."""
        return read_json(self.status_file)

    def set_status(self, state: str, **known: int | str | None) -> None:
        """What the run does from now on, with `step`, `max_steps` or `reason`; a step once known stays."""
        assert state in STATES, state
        kept = {key: value for key, value in self.status().items() if key in ("step", "max_steps")}
        status = {"state": state, **kept, **known, "updated": _now()}
        _write_json(self.status_file, {key: value for key, value in status.items() if value is not None})

    def state(self) -> str:
        """What it is doing; a run whose process is gone without a word is "stopped"."""
        state = self.status().get("state", "not started")
        return "stopped" if state == "running" and not lock.is_held(self.path) else state

    def lock(self) -> AbstractContextManager[None]:
        """Keep a second process out of this folder; the lock goes with the process, however it ends."""
        return lock.hold(self.path, "trains in it")

    def checkpoint(self, step: int) -> Path:
        return self.saved / f"step-{step:08d}"

    def checkpoints(self) -> list[Path]:
        """All checkpoints, newest first, whole or not."""
        found = [path for path in self.saved.glob("step-*") if _STEP.fullmatch(path.name)]
        return sorted(found, key=step_of, reverse=True)

    def newest_whole_checkpoint(self) -> Path | None:
        for path in self.checkpoints():
            if (what := durable.damage(path)) is None:
                return path
            logger.warning("Damaged checkpoint %s is left out: %s", path.name, what)
        return None

    def best_file(self, name: str) -> Path:
        """The file that says which checkpoint is called "best" or "best_translation"."""
        return self.path / f"{name}.json"

    def bests(self) -> dict[str, dict[str, Any]]:
        """What is the best of something, by checkpoints' names: {"best": {"step", "metric", "value"}}."""
        files = [self.best, *sorted(self.path.glob(f"{best_called('*')}.json"))]
        return {file.stem: read_json(file) for file in files if self.has(file)}

    def best_checkpoint(self, name: str = BEST) -> Path | None:
        """The checkpoint of the best validation so far; None before the first, and for a name of nothing."""
        step = self.bests().get(name, {}).get("step")
        path = None if step is None else self.checkpoint(step)
        return path if path is not None and path.is_dir() else None

    def named(self, name: str) -> Path:
        """The checkpoint called "last", "best", "best_translation" or "step-100"; raises UserError.

        Without a validation the best is the last. It may be damaged.
        """
        match, newest = _STEP.fullmatch(name), next(iter(self.checkpoints()), None)
        path = self.checkpoint(int(match[1])) if match else self.best_checkpoint(name)
        if name == LAST or (name == BEST and path is None):
            path = newest
        if path is None or not path.is_dir():
            bests = [each for each in self.bests() if each != BEST and self.best_checkpoint(each)]
            names = [LAST, BEST, *bests, *(path.name for path in self.checkpoints())]
            raise UserError(f"{self.path} has no checkpoint {name!r}{_did_you_mean(name, names)}")
        return path

    def resolve(self, name: str) -> Path:
        """The same, whole: the last is the newest that is. Raises UserError."""
        is_last = name == LAST or (name == BEST and self.best_checkpoint() is None)
        path = (self.newest_whole_checkpoint() if is_last else None) or self.named(name)
        if (what := durable.damage(path)) is not None:
            raise UserError(f"checkpoint {path} is damaged: {what}; checkpoint=last takes a whole one")
        return path

    def logged(self) -> dict[str, int]:
        """The present size of each file that a run appends to, in bytes."""
        sizes = {path: path.stat().st_size for path in self._appended if path.exists()}
        return {path.name: size for path, size in sizes.items()}

    def cut_back(self, logged: Mapping[str, int]) -> None:
        """Forget what was logged later than this: the run goes on from there and logs it again."""
        for path in self._appended:
            lines.cut_back(path, logged.get(path.name, 0))

    def sync(self) -> None:
        """Bring all that was logged to the disk."""
        for path in self._appended:
            lines.sync(path)


def best_called(name: str) -> str:
    """What the checkpoint is called that is the best by the goal of this name: "best_translation"."""
    return f"{BEST}_{name}"


_STEP = re.compile(r"step-(\d+)")


def step_of(checkpoint: Path) -> int:
    """The optimizer step that a checkpoint's name tells."""
    match = _STEP.fullmatch(checkpoint.name)
    assert match, checkpoint
    return int(match[1])


def run_folders(outputs: Path) -> list[Path]:
    """All runs under `outputs/<name>/<time>` and `outputs/sweeps/<name>/<time>/<job>`, newest first."""
    found = [*outputs.glob("*/*/config.yaml"), *outputs.glob("sweeps/*/*/*/config.yaml")]
    configs = sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True)
    return [config.parent for config in configs]


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object; empty where the file is missing. Raises UserError where it holds something else."""
    if not path.exists():
        return {}
    try:
        found = loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged: {error}") from error
    if not isinstance(found, dict):
        raise UserError(f"{path} is damaged: it holds no JSON object")
    return found


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    durable.write_file(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _nearest(path: Path) -> str:
    """A hint at the run folder that was meant: the newest inside of `path`, or one of a similar name."""
    inside = [config.parent for config in path.glob("*/config.yaml")] + run_folders(path)
    if inside:
        return f"; the newest run inside is {max(inside, key=lambda run: run.stat().st_mtime_ns)}"
    known = [config.parent for config in path.parent.glob("*/config.yaml")] + run_folders(path.parent.parent)
    return _did_you_mean(str(path), [os.fspath(run) for run in known])


def _did_you_mean(word: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""
