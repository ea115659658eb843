"""Runs of several tasks together, beside those of each task alone that are the same in all else."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from gpt_exp.errors import UserError
from gpt_exp.interference.run import Run, read_run
from gpt_exp.page.comparison import names
from gpt_exp.run.identity import ABSENT
from gpt_exp.sweep.console.board import short
from gpt_exp.sweep.folder import runs_at

TARGET = "._target_"
MOST_KEYS, MOST_NAMES = 3, 6  # That a line names.


class Group(NamedTuple):
    """Runs that differ in their seed, and in what they were trained on."""

    label: str  # What sets it apart from the other groups; empty where there is one.
    tasks: tuple[str, ...]
    together: list[Run]
    alone: dict[str, list[Run]]  # By task.

    @property
    def runs(self) -> list[Run]:
        return [*self.together, *chain.from_iterable(self.alone.values())]


class Study(NamedTuple):
    groups: list[Group]
    remarks: list[str]  # What a reader should know about the runs.

    @property
    def runs(self) -> list[Run]:
        """Each once: those alone may belong to several groups."""
        return list({run.name: run for group in self.groups for run in group.runs}.values())


def read(paths: Sequence[Path | str], *, evaluated: bool = False) -> Study:
    """The finished runs of sweep folders and run folders, judged at their ends, or as last `evaluated`.

    Raises UserError where they make no study.
    """
    folders = runs_at(paths)
    named = dict(zip(names([folder.path for folder in folders]), folders, strict=True)) if folders else {}
    states = {name: folder.state() for name, folder in named.items()}
    finished = {name: folder for name, folder in named.items() if states[name] == "finished"}
    runs = [read_run(folder, name, evaluated=evaluated) for name, folder in finished.items()]
    unfinished = [f"{name} ({state})" for name, state in states.items() if state != "finished"]
    remarks = [
        *(["judged by the last gpt-exp evaluate of each run"] if evaluated else []),
        *_left_out("unfinished", unfinished),
        *_left_out("of one task", [run.name for run in runs if len(run.tasks) < 2]),
    ]
    found = paired([run for run in runs if len(run.tasks) > 1], remarks)
    return Study(found.groups, [*remarks, *found.remarks])


def _left_out(why: str, names: Sequence[str]) -> list[str]:
    """A remark that names some of the runs, where there are any."""
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return [f"left out, {why}: {', '.join(names[:MOST_NAMES])}{more}"] if names else []


def paired(runs: Sequence[Run], remarks: Sequence[str] = ()) -> Study:
    """Each run together with those alone; `remarks` say what was left out before, should that be why none is.

    Raises UserError where no run is of all tasks together, or a task of such a run has none alone.
    """
    kept = list({_key(run, run.seed): run for run in runs}.values())
    together = [run for run in kept if run.only is None]
    if not together:
        what = "none has all tasks together (only=null)" if kept else "none has finished and several tasks"
        raise UserError("; ".join([f"runs: {what}", *remarks]))
    settings: dict[str, list[Run]] = {}
    for run in together:
        settings.setdefault(_key(run), []).append(run)
    labelled = zip(labels([_setting(same[0]) for same in settings.values()]), settings.values(), strict=True)
    groups = [_group(label, same, kept, remarks) for label, same in labelled]
    return Study(groups, [*_repeated(runs, kept), *_unpaired(groups, kept), *_seeds_that_differ(groups)])


def labels(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """What sets each apart from the others, by key: a part by what makes it, as in balance=uncertainty."""
    every = sorted({key for each in settings for key in each})
    differ = [key for key in every if len({repr(each.get(key, ABSENT)) for each in settings}) > 1]
    parts = [key.removesuffix(TARGET) for key in differ if key.endswith(TARGET)]
    values = [key for key in differ if not key.endswith(TARGET) and key not in parts]
    own = [key for key in values if not any(key.startswith(f"{part}.") for part in parts)]
    found = [_label(each, parts, own) for each in settings]
    return found if len(set(found)) == len(found) else [_label(each, parts, values) for each in settings]


def _label(setting: Mapping[str, Any], parts: Sequence[str], values: Sequence[str]) -> str:
    made = [f"{short(part, parts)}={_option(setting.get(part + TARGET))}" for part in parts]
    return " ".join([*made, *(f"{short(key, values)}={setting[key]}" for key in values if key in setting)])


def _option(target: str | None) -> str:
    """What makes a part, as its option is called: uncertainty of ...uncertainty.Uncertainty."""
    *_, module, name = str(target).split(".") if target else ("", "none", "none")
    return name if name.islower() else module


def _key(run: Run, *more: Any) -> str:
    """Equal for runs that learnt the same but for the seed, or with it."""
    return json.dumps([run.only, _setting(run), *more], sort_keys=True, default=str)


def _setting(run: Run) -> dict[str, Any]:
    """Alone there is nothing to balance."""
    return run.setting if run.only else {**run.setting, **run.balance}


def _group(label: str, together: list[Run], runs: Sequence[Run], remarks: Sequence[str]) -> Group:
    """UserError where a task has no run alone."""
    first = together[0]
    alone = {
        task: [run for run in runs if run.only == task and run.setting == first.setting]
        for task in first.tasks
    }
    for task, own in alone.items():
        if not own:
            raise UserError("; ".join([_without(first, task, runs), *remarks]))
    return Group(label, first.tasks, together, alone)


def _without(run: Run, task: str, runs: Iterable[Run]) -> str:
    """Why a task has no run alone: the nearest one, and what else it differs in."""
    told = f"runs: {task} has none alone beside {run.name}: train it with only={task}"
    others = {each.name: _differences(each, run) for each in runs if each.only == task}
    if not others:
        return told
    name, keys = min(others.items(), key=lambda pair: len(pair[1]))
    return f"{told}; {name} has another {', '.join(keys[:MOST_KEYS])}{' ...' * (len(keys) > MOST_KEYS)}"


def _differences(a: Run, b: Run) -> list[str]:
    keys = sorted(a.setting.keys() | b.setting.keys())
    return [key for key in keys if a.setting.get(key, ABSENT) != b.setting.get(key, ABSENT)]


def _repeated(runs: Sequence[Run], kept: Sequence[Run]) -> list[str]:
    names = {run.name for run in kept}
    return _left_out("others repeat them", [run.name for run in runs if run.name not in names])


def _unpaired(groups: Sequence[Group], runs: Sequence[Run]) -> list[str]:
    """Runs alone that no run together equals in all else."""
    used = {run.name for group in groups for own in group.alone.values() for run in own}
    unused = [f"{run.name} (only={run.only})" for run in runs if run.only and run.name not in used]
    return _left_out("no run together is the same in all else", unused)


def _seeds_that_differ(groups: Sequence[Group]) -> list[str]:
    """A remark where a task was trained alone with other seeds than all tasks together."""
    remarks = []
    for group in groups:
        seeds = {run.seed for run in group.together}
        other = [task for task, own in group.alone.items() if {run.seed for run in own} != seeds]
        if other:
            where = f" with {group.label}" if group.label else ""
            remarks.append(f"other seeds alone than together{where}: {', '.join(other)}")
    return remarks
