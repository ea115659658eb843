"""The log that is always there: metrics.jsonl and speed.jsonl in the run folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from gpt_exp.run import lines
from gpt_exp.run.folder import RunFolder

SPEED = "speed/"


class RunFolderLogger(Logger):
    """Appends a JSON object for each call, its "step" first; metrics named `speed/...` go to speed.jsonl.

    Timings differ from run to run. Without them metrics.jsonl is a function of the config: a resumed run ends
    with the same bytes. Training and validation at one step are two lines, which `read_metrics` joins.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        self._folder = RunFolder(path)

    @property
    def name(self) -> str:
        return self._folder.path.parent.name

    @property
    def version(self) -> str:
        return self._folder.path.name

    @property
    def save_dir(self) -> str:
        return str(self._folder.path)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        assert step is not None
        for path, is_speed in ((self._folder.metrics, False), (self._folder.speed, True)):
            chosen = {key: value for key, value in metrics.items() if key.startswith(SPEED) == is_speed}
            chosen.pop("epoch", None)  # Lightning adds it to all; a stream of examples has none.
            if chosen:
                lines.append(path, {"step": step, **chosen})

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Nothing: the run folder has its config from the start."""
