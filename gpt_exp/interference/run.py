"""A finished run of several tasks, or of one of them alone, as a study of interference reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from gpt_exp.page.judged import read_summary, told_how
from gpt_exp.run import lines
from gpt_exp.run.folder import RunFolder, read_json
from gpt_exp.run.identity import flat, is_runtime
from gpt_exp.run.summary import result

# What runs together and alone may differ in, beside the seed; how often cosines are logged decides nothing of
# what is learnt, and alone there is nothing to balance (gpt_exp/experiment/several_tasks.py).
ONLY, SEED, COSINES, BALANCE = "only", "seed", "module.cosine_every_n_steps", "balance"
TRAIN = "train"
VALIDATION = "val"  # By which checkpoints are chosen: it says how good a task is where nothing else does.


class Figure(NamedTuple):
    """What a task is judged by."""

    name: str
    split: str
    value: float
    more_is_better: bool
    how: str = ""  # Its answers were made, but for the step of the checkpoint.


class Run(NamedTuple):
    """A run with all that the study reads of it."""

    folder: RunFolder
    name: str  # Short, and no other run's.
    tasks: tuple[str, ...]  # That its config names, also where it was trained on one alone.
    only: str | None  # The task that it was trained on alone; None: on all together.
    seed: Any
    setting: dict[str, Any]  # The rest of its config by dotted key, in which it equals its twins,
    balance: dict[str, Any]  # and what weighs the losses of a run together.
    figures: dict[str, Figure]  # By task.
    metrics: lines.Metrics
    step: int

    def examples(self, task: str) -> float | None:
        """How many of this task's it had read at the end."""
        known: float | None = lines.last(self.metrics, f"train/{task}/examples")
        return known


def read_run(folder: RunFolder, name: str, *, evaluated: bool = False) -> Run:
    """From the run's folder alone: judged at its end, or as it was last `evaluated`.

    Raises UserError for what is damaged.
    """
    config, results = folder.config(), read_json(folder.results)
    tasks = tuple(str(task) for task in config.get("tasks") or {})
    learnt = {key: value for key, value in flat(config).items() if not is_runtime(key)}
    balance = {key: value for key, value in learnt.items() if key.partition(".")[0] == BALANCE}
    apart = {ONLY, SEED, COSINES, *balance}
    return Run(
        folder=folder,
        name=name,
        tasks=tasks,
        only=config.get(ONLY),
        seed=config.get(SEED),
        setting={key: value for key, value in learnt.items() if key not in apart},
        balance=balance,
        figures=_figures(folder, None if evaluated else results, tasks),
        metrics=lines.read_metrics(folder.metrics),
        step=int(result(results, "step") or 0),
    )


def _how(how: Mapping[str, Any]) -> str:
    return ", ".join(told_how({key: value for key, value in how.items() if key != "checkpoint"}))


def _figures(
    folder: RunFolder, results: Mapping[str, Any] | None, tasks: tuple[str, ...]
) -> dict[str, Figure]:
    """Of each task on the first split that was not validated on, such as test or test_2016_flickr.

    The summary knows which figures are main, and their values of the last evaluation, however that was made;
    those of `results` are of the training's end.
    """
    found: dict[str, Figure] = {}
    for each in sorted(read_summary(folder.path), key=lambda each: each.split.endswith(f".{VALIDATION}")):
        task, _, split = each.split.partition(".")
        if split == TRAIN:  # A task is not judged by what it has learnt.
            continue
        main = each.figures[0]
        value = main.value if results is None else result(results, f"{split}/{task}/{main.name}")
        if task in tasks and task not in found and value is not None:
            found[task] = Figure(main.name, split, value, main.better != "less", _how(each.how))
    return found
