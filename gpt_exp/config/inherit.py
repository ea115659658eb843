"""A run that starts from another one: the other's network and tokenizer become part of its own config.

So a finished run can be loaded without looking anywhere but at its folder, and `check` knows all sizes.
"""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig, OmegaConf, open_dict

from gpt_exp.errors import UserError
from gpt_exp.run.folder import RunFolder

FROM_RUN = "from_run"  # The key by which conf/model/run.yaml says what it is.


def inherit(config: DictConfig, run: str | None = None) -> None:
    """Put the model (for model=run) and the tokenizer of `init.run` into a training config, in place.

    `run` stands for an `init.run` that is not yet in the config. Raises UserError for what is no run.
    """
    run = run or OmegaConf.select(config, "init.run")
    wants_model = isinstance(config.get("model"), DictConfig) and FROM_RUN in config.model
    if run is None:
        if wants_model:
            raise UserError("model=run: needs init.run=FOLDER, the run whose network it takes")
        return
    folder = RunFolder.open(Path(str(run)).expanduser())
    theirs = folder.config()
    if "model" not in theirs:  # A stage that trained none.
        raise UserError(f"init.run={folder.path} holds no network")
    with open_dict(config):
        config.init.run = str(folder.path)
        config.tokenizer = {"_target_": "gpt_exp.tokenizer.file.open", "path": str(folder.tokenizer)}
        if wants_model:
            own = {key: value for key, value in config.model.items() if key != FROM_RUN}
            config.model = OmegaConf.merge(theirs.model, own)


def settle(config: DictConfig) -> None:
    """Write the name of the very checkpoint to start from, in place: "best" may mean another one tomorrow.

    Raises UserError where there is none yet.
    """
    run, checkpoint = (OmegaConf.select(config, f"init.{key}") for key in ("run", "checkpoint"))
    if run is None or str(checkpoint).startswith("step-"):
        return
    folder = RunFolder.open(Path(str(run)).expanduser())
    if not folder.checkpoints():
        raise UserError(f"init.run={folder.path} has no checkpoint to start from")
    config.init.checkpoint = folder.named(str(checkpoint)).name
