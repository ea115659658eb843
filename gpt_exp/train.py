"""gpt-exp train: make a run's folder, then hand over to a process that knows nothing but that folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from gpt_exp.errors import UserError
from gpt_exp.run.folder import RunFolder
from gpt_exp.run.identity import RUNTIME_KEYS, differences, find_run, is_runtime


def main(config: DictConfig, overrides: list[str]) -> None:
    """Start a run, or go on with one, in this process's place; in a sweep, job after job."""
    folder = open_run(config, overrides)
    if folder.status().get("state") == "finished":
        print(f"{folder.path} is finished: {folder.report}")
        return
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
            return rejoin(RunFolder(path), config)
        print("resume=auto: no run of this configuration yet; starting one")
    elif config.resume:
        return reopen(config, overrides)
    return RunFolder.create(Path(config.paths.run), config, overrides)


def reopen(config: DictConfig, overrides: list[str]) -> RunFolder:
    """The folder of an earlier run; `resume=FOLDER` alone, or with runtime keys, means the run's own config.

    Raises UserError where other options beside it do not agree with that config.
    """
    folder = RunFolder.open(config.resume)
    saved = folder.config()
    others = [override for override in overrides if not override.startswith("resume=")]
    if all(is_runtime(other.lstrip("+").partition("=")[0]) for other in others):
        changes = OmegaConf.from_dotlist([other.lstrip("+") for other in others])
        return rejoin(folder, OmegaConf.merge(saved, changes))
    if different := differences(saved, config):
        raise UserError(
            f"resume={config.resume}: this run was made with another {', '.join(different)}; "
            f"only {', '.join(RUNTIME_KEYS)} may change"
        )
    return rejoin(folder, config)


def rejoin(folder: RunFolder, config: Any) -> RunFolder:
    """The folder with this config: only its runtime keys (devices, loggers ...) differ from the old one."""
    joined = config.copy()
    joined.name, joined.paths.run = folder.config().name, str(folder.path)
    folder.save_config(joined)
    return folder
