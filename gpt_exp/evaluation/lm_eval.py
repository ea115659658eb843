"""EleutherAI's evaluation harness on one of our models: its tasks, our networks and decoding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from math import isnan
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from gpt_exp.errors import UserError
from gpt_exp.interfaces import Model, Tokenizer

Figures = dict[str, Any]  # Of a task: its measures and their standard errors, "shots", "records", "version".
STDERR, ABOUT = "_stderr", ("shots", "records", "version")


def run_tasks(
    model: Model,
    tokenizer: Tokenizer,
    names: Sequence[str],
    *,
    path: str | None = None,
    shots: int | None = None,
    limit: int | None = None,
    batch_size: int = 32,
    begins: bool = True,
    seed: int = 1337,
) -> dict[str, Figures]:
    """Figures by task, and by group where names are groups.

    `path` is a folder of task files, which go before lm-eval's own; `shots` None leaves them to each task.
    Raises UserError for a task that is not there, ValueError where the package is missing.
    """
    _require()
    from lm_eval import evaluator

    from gpt_exp.evaluation.lm_eval_model import LMEvalModel

    loaded = load_tasks(names, path)
    for task in loaded["tasks"].values():
        _set_shots(task, shots, seed)
    found = evaluator.evaluate(
        LMEvalModel(model.eval(), tokenizer, batch_size=batch_size, begins=begins, seed=seed),
        loaded,
        limit=limit,
        bootstrap_iters=1000,  # Of errors that no formula gives.
        log_samples=False,
    )
    return figures(found)


def load_tasks(names: Sequence[str], path: str | None) -> dict[str, Any]:
    """lm-eval's tasks and groups; its thousands of own files are read only where the folder has not all."""
    from lm_eval.tasks import TaskManager

    if path is not None and not Path(path).expanduser().is_dir():
        raise UserError(f"lm_eval_path={path}: no such folder")
    folder = None if path is None else str(Path(path).expanduser())
    manager = TaskManager(include_path=folder, include_defaults=folder is None)
    if folder and not set(names) <= set(manager.all_tasks):
        manager = TaskManager(include_path=folder)
    if unknown := [name for name in names if name not in manager.all_tasks]:
        raise UserError(f"lm_eval: no task {unknown[0]!r}{_nearest(unknown[0], manager.all_tasks)}")
    return manager.load(list(names))


def figures(found: Mapping[str, Any]) -> dict[str, Figures]:
    """What lm-eval measured, without what it says about itself."""
    return {task: {**_measured(values), **_known(found, task)} for task, values in found["results"].items()}


def tell_tasks(found: Mapping[str, Figures]) -> None:
    """Print a table, a measure a row."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("task", "shots", "records", "measure", "value", "standard error"):
        table.add_column(name, justify="left" if name in ("task", "measure") else "right")
    for task, figures in found.items():
        about = [str(figures.get(name, "")) for name in ("shots", "records")]
        for number, (name, value, error) in enumerate(measures(figures)):
            first = ("", "", "") if number else (task, *about)
            table.add_row(*first, name, f"{value:.4f}", "" if error is None else f"{error:.4f}")
    Console().print(table)


def measures(figures: Figures) -> list[tuple[str, float, float | None]]:
    """Name, value and standard error of each measure."""
    known = {name: value for name, value in figures.items() if name not in ABOUT}
    return [(name, value, known.get(_error_of(name))) for name, value in known.items() if STDERR not in name]


def _measured(values: Mapping[str, Any]) -> dict[str, float]:
    """The numbers by name: "acc,none" is lm-eval's "acc" where a task filters nothing."""
    numbers = {
        name: float(value)
        for name, value in values.items()
        if "," in name and isinstance(value, int | float) and not isnan(value)
    }
    return {name.removesuffix(",none"): value for name, value in numbers.items()}


def _known(found: Mapping[str, Any], task: str) -> dict[str, Any]:
    about = {
        "shots": found["n-shot"].get(task),
        "records": found["n-samples"].get(task, {}).get("effective"),
        "version": found["versions"].get(task),
    }
    return {name: value for name, value in about.items() if value is not None}


def _error_of(name: str) -> str:
    measure, comma, filtered = name.partition(",")
    return f"{measure}{STDERR}{comma}{filtered}"


def _set_shots(task: Any, shots: int | None, seed: int) -> None:
    """As lm-eval's `simple_evaluate` does: a task that says 0 itself keeps it."""
    own = task.get_config("num_fewshot")
    if own is None or (shots is not None and own != 0):
        task.set_config(key="num_fewshot", value=shots or 0)
    task.set_fewshot_seed(seed=seed)


def _nearest(name: str, known: Sequence[str]) -> str:
    from gpt_exp.config.nearest import nearest

    near = nearest(name, known)
    return f"; did you mean {near}?" if near else ""


def _require() -> None:
    if find_spec("lm_eval") is None:
        raise ValueError("lm_eval needs a package: pip install 'gpt-exp[eval]'")
