"""Weights & Biases with nothing to configure: online where a key is, else offline, one run a run folder."""

from __future__ import annotations

import netrc
import os
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import wandb
from omegaconf import OmegaConf

from gpt_exp.logger.description import run_name, shared
from gpt_exp.logger.tracker import Tracker, Values
from gpt_exp.run import durable

MODES = ("auto", "online", "offline", "disabled")
FORMER_MODES = {"dryrun": "offline", "run": "online"}  # Words that WANDB_MODE still may say.
EXIT_CODES = {"finished": 0, "failed": 1}
KILLED = 255  # W&B's own code for a run that was interrupted.


class RunWandbLogger(Tracker):
    """W&B's step is the optimizer's; its config the run's; its summary has the results and the best value.

    `mode` auto follows WANDB_MODE where it is set, else whether a key is there (WANDB_API_KEY or netrc).
    Offline, a job that goes on writes its W&B run anew from the run folder, so that `wandb sync` finds one
    complete file; where the old one was synced already, W&B would append to it, so it is a new run.
    The file of a killed job lacks its last seconds, and `wandb sync` takes it for failed.
    `log_model` uploads what opens the best model (config, tokenizer, checkpoint) when the run has finished.
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
        log_model: bool = False,
    ) -> None:
        super().__init__(path)
        if mode not in MODES:
            raise ValueError(f"mode must be one of {', '.join(MODES)}, not {mode!r}")
        self._mode = resolved_mode(mode)
        self._log_model = log_model
        self._about: dict[str, Any] = {
            "project": project,
            "entity": entity,
            "group": group,
            "job_type": job_type,
            "tags": list(tags),
            "mode": self._mode,
        }

    def _open(self, step: int) -> Any:
        if self._mode != "disabled":
            _drop_superseded(self.folder.path, goes_on_online=self._mode == "online")
        # The service of the process that started this one may still hold the run of a killed job.
        os.environ.pop("WANDB_SERVICE", None)
        config: Any = OmegaConf.to_container(self.folder.config())
        return wandb.init(
            id=_run_id(self.folder.path / "wandb_run_id"),
            name=run_name(self.folder),
            config=shared(config),
            dir=self.folder.path,
            resume=None if self._mode == "offline" else "allow",
            # No command line, host name, user name or path leaves the machine, nor what the run prints.
            settings=wandb.Settings(
                x_disable_meta=True,
                host="",
                program="",
                username="",
                save_code=False,
                console="off",
                silent=True,
            ),
            **self._about,
        )

    def _has(self, name: str, step: int) -> bool:
        return step < self.experiment.starting_step  # Of a run that goes on online: all before is there.

    def _write(self, metrics: Values, step: int) -> None:
        self.experiment.log(metrics, step=step)

    def _summarize(self, values: Values) -> None:
        self.experiment.summary.update(values)

    def _end(self, state: str) -> None:
        folder = Path(self.experiment.dir).parent  # Its `files` lie inside.
        if self._log_model and state == "finished":
            self._attempt(self._upload_model)
        self.experiment.finish(exit_code=EXIT_CODES.get(state, KILLED))
        if self._mode == "offline":
            print(f"W&B ran offline; to upload it: wandb sync {folder}")

    def _upload_model(self) -> None:
        self.experiment.log_artifact(self._model(), aliases=["best"])

    def _model(self) -> wandb.Artifact:
        """A run folder with the best checkpoint alone: `gpt-exp generate run=...` opens it."""
        artifact = wandb.Artifact(f"model-{self.experiment.id}", type="model")
        folder = self.folder
        uncopied: Any = {"policy": "immutable", "skip_cache": True}
        for path in (folder.config_file, folder.best, folder.tokenizer, folder.resolve("best")):
            name = path.relative_to(folder.path).as_posix()
            if path.is_dir():
                artifact.add_dir(str(path), name, **uncopied)
            elif path.exists():
                artifact.add_file(str(path), name, **uncopied)
        return artifact


def resolved_mode(mode: str) -> str:
    """online, offline or disabled."""
    if mode != "auto":
        return mode
    if said := os.environ.get("WANDB_MODE"):
        return FORMER_MODES.get(said, said)
    return "online" if _has_key() else "offline"


def _has_key() -> bool:
    if os.environ.get("WANDB_API_KEY"):
        return True
    own = os.environ.get("WANDB_BASE_URL")
    servers = (
        [own] if own else [wandb.Settings().base_url, "https://api.wandb.ai"]
    )  # Its default and its former.
    file = os.environ.get("NETRC")
    try:
        keys = netrc.netrc(Path(file).expanduser() if file else None)
    except (OSError, netrc.NetrcParseError):
        return False
    return any(keys.authenticators(urlparse(server).netloc) for server in servers)


def _run_id(path: Path) -> str:
    """The W&B run of this folder: written before it starts, so that no crash can make a second one."""
    if not path.exists():
        durable.write_file(path, secrets.token_hex(4))
    return path.read_text().strip()


def _drop_superseded(run: Path, *, goes_on_online: bool) -> None:
    """Remove this run's older offline files; all of their metrics are in the run folder.

    What was synced is on the server: online it is gone on with there, offline a new run begins.
    """
    for old in run.glob("wandb/offline-run-*"):
        if any(old.glob("*.synced")) and not goes_on_online:
            (run / "wandb_run_id").unlink(missing_ok=True)
        else:
            shutil.rmtree(old)
