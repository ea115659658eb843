"""Weights & Biases with nothing to configure: online where a key is, else offline, one run a run folder."""

from __future__ import annotations

import netrc
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import wandb
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities.rank_zero import rank_zero_only
from omegaconf import OmegaConf

from gpt_exp.run import durable
from gpt_exp.run.folder import RunFolder

MODES = ("auto", "online", "offline", "disabled")


class RunWandbLogger(WandbLogger):
    """Lightning's logger that goes on with the same W&B run whenever the run folder is resumed.

    `mode` auto follows WANDB_MODE where it is set, else whether a key is there (WANDB_API_KEY or ~/.netrc).
    """

    def __init__(
        self,
        *,
        path: str | Path,
        project: str = "gpt-exp",
        mode: str = "auto",
        entity: str | None = None,
        group: str | None = None,
        job_type: str | None = None,
        tags: Sequence[str] = (),
    ) -> None:
        if mode not in MODES:
            raise ValueError(f"mode must be one of {', '.join(MODES)}, not {mode!r}")
        self._mode = resolved_mode(mode)
        self._folder = RunFolder(path)
        super().__init__(
            name="/".join(self._folder.path.absolute().parts[-2:]),
            save_dir=path,
            id=_run_id(self._folder.path / "wandb_run_id"),
            project=project,
            mode=self._mode,
            entity=entity,
            group=group,
            job_type=job_type,
            tags=list(tags),
            # x_disable_meta: no command line, host name or user name leaves the machine.
            settings=wandb.Settings(x_disable_meta=True, save_code=False, silent=True),
        )

        self._wandb_init.pop("anonymous")  # W&B warns about the mere word, which Lightning passes.

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """W&B's config is the run's config."""
        if self._folder.config_file.exists():
            self.experiment.config.update(
                OmegaConf.to_container(self._folder.config()), allow_val_change=True
            )

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """End the W&B run, once; `status` is Lightning's: success or failed."""
        if self._experiment is None:
            return
        folder = Path(self._experiment.dir).parent  # Its `files` lie inside.
        self._experiment.finish(exit_code=0 if status == "success" else 1)
        self._experiment = None
        if self._mode == "offline":
            print(f"W&B ran offline; to upload it: wandb sync {folder}")


def resolved_mode(mode: str) -> str:
    """online, offline or disabled."""
    if mode != "auto":
        return mode
    return os.environ.get("WANDB_MODE") or ("online" if _has_key() else "offline")


def _has_key() -> bool:
    host = urlparse(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname or ""
    try:
        return bool(os.environ.get("WANDB_API_KEY")) or netrc.netrc().authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False


@rank_zero_only
def _run_id(path: Path) -> str:
    """The W&B run of this folder: written before it starts, so that no crash can make a second one."""
    if not path.exists():
        durable.write_file(path, secrets.token_hex(4))
    return path.read_text().strip()
