"""How a sweep is carried out: what `sweep.*` may say."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig, OmegaConf

from gpt_exp.config.monitored import chosen_by
from gpt_exp.run.better import better
from gpt_exp.sweep.folder import Objective

DIRECTIONS = {"min": "minimize", "max": "maximize"}


def _named(key: str, value: Any) -> list[str]:
    """One name or several."""
    names = value if isinstance(value, list | tuple) else [value]
    if not all(isinstance(name, str) for name in names):
        raise ValueError(f"sweep.{key} must be a name or a list of names, not {value!r}")
    return list(names)


def _direction(metric: str, named: str) -> str:
    if named == "auto":
        if (mode := better(metric)) is None:
            raise ValueError(f"sweep.direction: the name of {metric} does not tell; minimize or maximize")
        return DIRECTIONS[mode]
    if named not in DIRECTIONS.values():
        raise ValueError(f"sweep.direction must be minimize, maximize or auto, not {named!r}")
    return named


class Settings:
    """The `sweep` node of a config, checked. Minutes and GB; null is no limit unless said otherwise."""

    def __init__(
        self,
        *,
        metric: str | list[str] | None = "val/loss",
        direction: str | list[str] = "auto",
        slots: int | str = "auto",
        timeout: float | None = None,
        silence: float | None = 30.0,
        memory: float | None = None,
        retry_failed: bool = False,
        retry_out_of_memory: bool = True,
        new: bool = False,
        reuse: bool = True,
        folder: str | None = None,
        group: str | None = None,
        num_trials: int = 20,
        storage: str | None = None,
        sampler: Any = None,
        pruner: Any = None,
    ) -> None:
        metrics = _named("metric", metric)
        directions = _named("direction", direction)
        if len(directions) == 1:
            directions *= len(metrics)
        if not metrics or len(metrics) != len(directions):
            raise ValueError(f"sweep.direction has {len(directions)} values for {len(metrics)} metrics")
        if slots != "auto" and (not isinstance(slots, int) or slots < 1):
            raise ValueError(f"sweep.slots must be auto or at least 1, not {slots!r}")
        for name, limit in (("timeout", timeout), ("silence", silence), ("memory", memory)):
            if limit is not None and limit <= 0:
                raise ValueError(f"sweep.{name} must be above 0 or null, not {limit}")
        if not isinstance(num_trials, int) or num_trials < 1:
            raise ValueError(f"sweep.num_trials must be at least 1, not {num_trials}")
        if pruner is not None and sampler is None:
            raise ValueError("sweep.pruner: jobs of a grid are not pruned, those of a search are: sweep=tpe")
        if pruner is not None and len(metrics) > 1:
            raise ValueError("sweep.pruner: a job can't be pruned by several metrics; sweep/pruner=none")
        self.objectives = [
            Objective(metric, _direction(metric, named))
            for metric, named in zip(metrics, directions, strict=True)
        ]
        self.slots = slots
        self.timeout = timeout
        self.silence = silence
        self.memory = memory
        self.retry_failed = retry_failed
        self.retry_out_of_memory = retry_out_of_memory
        self.new = new
        self.reuse = reuse
        self.folder = folder
        self.group = group
        self.num_trials = num_trials
        self.storage = storage
        self.sampler = sampler  # Optuna's, or how to make one; null: every combination of the values.
        self.pruner = pruner


def settings_of(config: DictConfig) -> Settings:
    """Those of a job's config. Without a metric the sweep is after what the best checkpoint is chosen by.

    Raises ValueError for what can't be.
    """
    node: Any = OmegaConf.to_container(config.sweep, resolve=True)
    if node["metric"] is None:
        node["metric"], mode = chosen_by(config)
        if node["direction"] == "auto":
            node["direction"] = DIRECTIONS[mode]
    return Settings(**{key: value for key, value in node.items() if key != "_target_"})
