"""A run of several tasks on the held-out data of each, with one score for all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gpt_exp.corpus.record_splits import RecordSplits
from gpt_exp.evaluation.of_run import How, evaluate_run, held_out
from gpt_exp.evaluation.tables import Results
from gpt_exp.experiment.model import LoadedRun
from gpt_exp.experiment.several_tasks import of_task, prefix_of
from gpt_exp.experiment.splits import make_data_module
from gpt_exp.mixture.mixed_splits import BETWEEN
from gpt_exp.module.multi_task import normalised
from gpt_exp.task.several import Several


def evaluate_tasks(run: LoadedRun, task: Several, splits: Mapping[str, RecordSplits], how: How) -> Results:
    """Every task's figures by its splits, "translation.test": what `evaluate_run` tells of it alone."""
    found: Results = {}
    for name, own in splits.items():
        alone = of_task(run, name)
        data_module = make_data_module(alone.config, own, task.tasks[name])
        found |= evaluate_run(alone, data_module, held_out(own), how._replace(prefix=prefix_of(name)))
    return found


def by_split(found: Results, task: Several) -> dict[str, Any]:
    """The same by split and task, {"test": {"translation": {"bleu": ...}}}, with `score` as in validation.

    The score is told of splits that all tasks have.
    """
    results: dict[str, Any] = {}
    for key, figures in found.items():
        name, _, split = key.partition(BETWEEN)
        results.setdefault(split, {})[name] = figures
    metrics = {name: each.metric() for name, each in task.tasks.items()}
    for figures in results.values():
        if figures.keys() == metrics.keys():
            scores = [normalised(metric, figures[name][metric.main]) for name, metric in metrics.items()]
            figures["score"] = float(np.mean(scores))
    return results
