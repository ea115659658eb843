"""gpt-exp train: make a run's folder, then hand over to a process that knows nothing but that folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from gpt_exp.errors import UserError
from gpt_exp.run.folder import RunFolder
from gpt_exp.run.identity import RUNTIME_KEYS, differences, find_run, is_runtime


def main(config: DictConfig, overrides: list[str]) -> None:
    """Start a run, or go on with one, in this process's place; in a sweep, job after job."""
    folder = open_run(config, overrides)
    command = [sys.executable, "-m", "gpt_exp.job", str(folder.path)]
    if HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN:
        subprocess.run(command, check=True)
    else:
        sys.stdout.flush()
        os.execv(sys.executable, command)


def open_run(config: DictConfig, overrides: list[str]) -> RunFolder:
    """The folder that `resume` names or finds, or a new one."""
    if config.resume == "auto":
        path = find_run(Path(config.paths.outputs), config)
        if path:
            return RunFolder(path)
        print("resume=auto: no run of this configuration yet; starting one")
    elif config.resume:
        return reopen(config, overrides)
    path = Path(config.paths.run)
    if path.exists() and any(path.iterdir()):
        raise UserError(f"paths.run={path} holds a run already: go on with it by resume={path}")
    return RunFolder.create(path, config, overrides)


def reopen(config: DictConfig, overrides: list[str]) -> RunFolder:
    """The folder of an earlier run, with changed runtime keys (devices, loggers ...) written to its config.

    `train resume=FOLDER` alone means the run's own config; with options beside it they must agree.
    """
    folder = RunFolder(config.resume)
    saved = folder.config()
    others = [override for override in overrides if not override.startswith("resume=")]
    if all(is_runtime(override.lstrip("+").split("=")[0]) for override in others):
        changed = OmegaConf.merge(saved, OmegaConf.from_dotlist([other.lstrip("+") for other in others]))
    else:
        changed = config.copy()
        different = differences(saved, changed)
        if different:
            raise UserError(
                f"resume={config.resume}: this run was made with another {', '.join(different)}; "
                f"only {', '.join(sorted(RUNTIME_KEYS))} may change"
            )
    changed.paths, changed.name = saved.paths, saved.name
    changed.paths.run = str(folder.path)
    folder.save_config(changed)
    return folder
