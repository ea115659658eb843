"""Which steps of a run are the best, each by a metric of its own, and the files that say so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gpt_exp.interfaces import Goal
from gpt_exp.run import durable
from gpt_exp.run.folder import BEST, RunFolder, best_called, read_json


class Bests:
    """The best step so far by each of several goals, under the names that checkpoints are called by.

    `found` is {"best": {"step", "metric", "value"}, "best_translation": ...}. It is part of a checkpoint, so
    a resumed run goes on comparing with the same values; the files are made from it, and not read into it.
    """

    def __init__(self, goals: Mapping[str, Goal]) -> None:
        self.goals = dict(goals)
        self.found: dict[str, dict[str, Any]] = {}
        self._before: dict[str, dict[str, Any]] = {}  # What was the best before `found`, where something was.

    def follow(self, others: Mapping[str, Goal]) -> None:
        """More goals, by plain names; one that is there already under its name stays."""
        self.goals = {best_called(name): goal for name, goal in others.items()} | self.goals

    def drop_others(self) -> None:
        """Forget what was the best by other goals: a run may be resumed with a new `monitor`."""
        metrics = {name: goal.metric for name, goal in self.goals.items()}
        self.found = {name: best for name, best in self.found.items() if best["metric"] == metrics.get(name)}

    def steps(self) -> set[int]:
        return {best["step"] for best in self.found.values()}

    def values(self, metrics: Mapping[str, Any]) -> dict[str, float]:
        """What each goal looks at; ValueError for a metric that the run has not."""
        for name, goal in self.goals.items():
            if goal.metric not in metrics:
                key = "monitor" if name == BEST else f"best_of.{name.removeprefix(best_called(''))}.metric"
                known = ", ".join(sorted(metrics))
                raise ValueError(f"{key}={goal.metric!r} is not a metric of this run: {known}")
        return {name: float(metrics[goal.metric]) for name, goal in self.goals.items()}

    def compare(self, step: int, values: Mapping[str, float]) -> None:
        """Take note where a step is better than all before; a value that is not a number never is."""
        for name, goal in self.goals.items():
            old = self.found.get(name)
            worst = float("inf" if goal.mode == "min" else "-inf")
            if goal.prefers(values[name], old["value"] if old else worst):
                self._before.pop(name, None)
                if old:
                    self._before[name] = old
                self.found[name] = {"step": step, "metric": goal.metric, "value": values[name]}

    def take_back(self, step: int) -> None:
        """This step could not be saved: what was the best before it is so again."""
        for name in [name for name, best in self.found.items() if best["step"] == step]:
            del self.found[name]
            if name in self._before:
                self.found[name] = self._before.pop(name)

    def write(self, folder: RunFolder) -> None:
        """Make the files say what is known, of checkpoints that are there; raises OSError."""
        there = {name: each for name, each in self.found.items() if folder.checkpoint(each["step"]).is_dir()}
        for name in folder.bests().keys() - there.keys():
            folder.best_file(name).unlink()
        for name, best in there.items():
            if best != read_json(folder.best_file(name)):
                durable.write_file(folder.best_file(name), json.dumps(best) + "\n")


def goals(monitor: str, mode: str, others: Mapping[str, Mapping[str, str]]) -> dict[str, Goal]:
    """What a user asks for, by the names of its checkpoints; ValueError for what can't be."""
    found = {BEST: _goal("", {"metric": monitor, "mode": mode})}
    for name, node in others.items():
        if not str(name).isidentifier():
            raise ValueError(f"best_of.{name}: no name for a checkpoint; a plain word does, as in perplexity")
        found[best_called(str(name))] = _goal(f"best_of.{name}.", node)
    return found


def _goal(where: str, node: Mapping[str, str]) -> Goal:
    if "metric" not in node or not node.keys() <= set(Goal._fields):
        keys = ", ".join(node)
        raise ValueError(f"{where.rstrip('.')} has the keys {keys}, not metric and mode (min or max)")
    if (mode := node.get("mode", "min")) not in ("min", "max"):
        raise ValueError(f"{where}mode must be min or max, not {mode!r}")
    return Goal(node["metric"], mode)
