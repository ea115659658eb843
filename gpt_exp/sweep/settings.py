"""How a sweep is carried out: what `sweep.*` may say."""

from __future__ import annotations

from typing import Any

from gpt_exp.sweep.folder import Objective

DIRECTIONS = ("minimize", "maximize")


def _named(key: str, value: Any) -> list[str]:
    """One name or several."""
    names = value if isinstance(value, list | tuple) else [value]
    if not all(isinstance(name, str) for name in names):
        raise ValueError(f"sweep.{key} must be a name or a list of names, not {value!r}")
    return list(names)


class Settings:
    """The `sweep` node of a config, checked. Minutes and GB; null is no limit unless said otherwise."""

    def __init__(
        self,
        *,
        metric: str | list[str] = "val/loss",
        direction: str | list[str] = "minimize",
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
        metrics, directions = _named("metric", metric), _named("direction", direction)
        if len(directions) == 1:
            directions *= len(metrics)
        if unknown := set(directions) - set(DIRECTIONS):
            raise ValueError(f"sweep.direction must be minimize or maximize, not {sorted(unknown)[0]!r}")
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
        self.objectives = [Objective(*pair) for pair in zip(metrics, directions, strict=True)]
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
