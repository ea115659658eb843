"""gpt-exp train: make a run's folder, then hand over to a process that knows nothing but that folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from gpt_exp.config.inherit import inherit, settle
from gpt_exp.errors import UserError
from gpt_exp.run.find import find_run
from gpt_exp.run.folder import RunFolder
from gpt_exp.run.identity import RUNTIME_KEYS, differences


def main(config: DictConfig, overrides: list[str]) -> None:
    """Start a run, or go on with one, in this process's place."""
    if HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN:
        raise UserError("hydra/sweeper: gpt-exp carries out its own sweeps; sweep=tpe and others search")
    inherit(config)
    settle(config)
    folder = open_run(config, overrides)
    if folder.status().get("state") == "finished":
        print(f"{folder.path} is finished: {folder.report}")
        return
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "gpt_exp.job", str(folder.path)])


def open_run(config: DictConfig, overrides: list[str]) -> RunFolder:
    """The folder that `resume` names or finds, or a new one.

    Raises UserError where `resume` names a run of another identity.
    """
    if config.resume == "auto":
        path = find_run(Path(config.paths.outputs), config)
        if path:
            return rejoin(RunFolder(path), config)
        print("resume=auto: no run of this configuration yet; starting one")
    elif config.resume:
        folder = RunFolder.open(config.resume)
        if different := differences(folder.config(), config):
            raise UserError(
                f"resume={config.resume}: this run was made with another {', '.join(different)}; "
                f"only {', '.join(RUNTIME_KEYS)} may change"
            )
        return rejoin(folder, config)
    return RunFolder.create(Path(config.paths.run), config, overrides)


def rejoin(folder: RunFolder, config: DictConfig) -> RunFolder:
    """The folder with this config: only its runtime keys (devices, loggers ...) differ from the old one."""
    joined = config.copy()
    joined.name, joined.paths.run = folder.config().name, str(folder.path)
    with folder.lock():
        folder.save_config(joined)
    return folder
