"""The configs of all stages of an experiment, before the first of them is trained.

A stage that begins from another one takes its network and tokenizer from a run folder. Until there is one, a
skeleton in a temporary folder stands for it, named by its key; so each stage is composed and checked by the
very code that composes a run alone.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import DictConfig, OmegaConf, open_dict

from gpt_exp.config import feasibility
from gpt_exp.config import keys as known
from gpt_exp.config.compose import Composition
from gpt_exp.config.data_fingerprint import fingerprint
from gpt_exp.config.monitored import chosen_by
from gpt_exp.config.nearest import nearest
from gpt_exp.config.override_key import key_of
from gpt_exp.config.problem import Problem, refuse
from gpt_exp.config.skeletons import make_skeleton, placed, skeleton, skeletons, stand_ins
from gpt_exp.config.stages import REFERENCE, STAGES, VERB, Described, Said
from gpt_exp.config.verbs import TRAIN, of_stages
from gpt_exp.errors import UserError
from gpt_exp.run.folder import RunFolder
from gpt_exp.run.identity import identity

OWN = "the stage's own folder"  # paths.run while a key is made.
KEY_LENGTH = 8  # Of a key in a folder's name.

Compose = Callable[[str, tuple[str, ...]], Composition]  # From a verb and its overrides.
Groups = dict[str, list[str]]


class Stage(NamedTuple):
    """One stage of an experiment, ready to be made: a run, or what another verb makes."""

    name: str
    key: str  # sha256 of all that decides what comes out: equal key, equal weights.
    parents: dict[str, str]  # Keys of the stages that it refers to, by name.
    path: Path  # Its run folder.
    config: DictConfig
    overrides: list[str]
    metric: str  # What its checkpoints are chosen by; "" where only its end will tell.
    mode: str
    verb: str = TRAIN

    def yaml(self) -> str:
        """Its config as its run folder will have it."""
        return OmegaConf.to_yaml(self.config, resolve=True)


def plan(described: Described, compose: Compose, groups: Groups) -> Composition:
    """The last stage's job with `stages`, all of them in order; raises all mistakes as one UserError."""
    plans = _Plan(described, compose, groups)
    for name, said in described.stages.items():
        plans.add(name, said)
    refuse(plans.problems)
    assert plans.last is not None
    return plans.last._replace(stages=tuple(plans.made.values()))


class _Plan:
    """Stages one after another; of those that hang on a broken one nothing is told."""

    def __init__(self, described: Described, compose: Compose, groups: Groups) -> None:
        self.described, self.compose, self.groups = described, compose, groups
        self.made: dict[str, Stage] = {}
        self.broken: set[str] = set()
        self.problems: list[Problem] = []
        self.last: Composition | None = None

    def add(self, name: str, said: Said) -> None:
        wrong: list[Problem] = []
        try:
            resolved, parents, wrong = self._resolved(name, said)
            if not wrong and not set(parents) & self.broken:
                job = self.compose(said.verb, tuple(resolved))
                found = [each for each in job.problems if not self._is_of_content(each)]
                wrong = [_of_stage(each, name, self.described, self.made) for each in found]
                if not wrong:
                    self.made[name], self.last = self._stage(name, said.verb, job, parents)
                    return
        except UserError as error:
            wrong = [_refusal(line, name, self.described, self.made) for line in str(error).splitlines()]
        self.problems += wrong
        self.broken.add(name)

    def _resolved(self, name: str, said: Said) -> tuple[list[str], list[str], list[Problem]]:
        """As `_with_skeletons`, with what is said to all stages and concerns this one."""
        if said.verb not in of_stages():
            return [], [], [_no_such_verb(name, said.verb, self.described)]
        if said.verb == TRAIN:
            return self._with_skeletons(name, said.overrides())
        own, parents, wrong = self._with_skeletons(name, said.overrides(lambda text: False))
        if wrong or set(parents) & self.broken:
            return own, parents, wrong
        plain: Any = OmegaConf.to_container(self.compose(said.verb, tuple(own)).config, resolve=False)

        def takes(text: str) -> bool:
            """A value that it has a key for: an option of a group is said to training."""
            return key_of(text) not in self.groups and known.takes(plain, key_of(text), self.groups)

        return self._with_skeletons(name, said.overrides(takes))

    def _with_skeletons(self, name: str, texts: Iterable[str]) -> tuple[list[str], list[str], list[Problem]]:
        """Overrides with skeletons for `stage:NAME`, the names, and references to what is not there."""
        found: list[str] = []
        problems: list[Problem] = []
        resolved: list[str] = []

        def stand_in(match: re.Match[str]) -> str:
            other, inside = match[1], match[2].lstrip("/")
            if other in self.made:
                found.append(other)
                problems.extend(_no_such_file(name, key, self.made[other], inside, self.described))
                return str(placed(skeleton(self.made[other].key), inside))
            if other in self.broken:  # Told already.
                found.append(other)
            else:
                problems.append(_no_such_stage(name, other, key, self.described))
            return match[0]

        for text in texts:
            key = key_of(text)
            resolved.append(REFERENCE.sub(stand_in, text))
        return resolved, list(dict.fromkeys(found)), problems

    def _is_of_content(self, problem: Problem) -> bool:
        """Whether it is about what a stand-in for another verb's file holds, which is nothing yet."""
        files = [file for stage in self.made.values() if (file := _written(stage))]
        return any(str(file) in problem.message for file in files)

    def _stage(self, name: str, verb: str, job: Composition, parents: list[str]) -> tuple[Stage, Composition]:
        """The stage, and its job with the folders of those before it in the place of skeletons."""
        draft = job.config.copy()  # With skeletons in it.
        _ask_again(draft)
        with open_dict(draft):
            draft.name = draft.get("name", self.described.name)  # Another verb's config has none.
        draft.paths.run = OWN  # Its folder has the key in its name, and other values may have it in theirs.
        key = _key_of(draft, verb)
        make_skeleton(key, draft, has_weights=verb == TRAIN)
        folders = {str(skeletons() / each.key): str(each.path) for each in self.made.values()}
        path = Path(draft.paths.outputs) / draft.name / f"{name}-{key[:KEY_LENGTH]}"
        draft.paths.run = str(path)
        config = OmegaConf.create(replaced(OmegaConf.to_container(draft, resolve=False), folders))
        assert isinstance(config, DictConfig)
        keys = {parent: self.made[parent].key for parent in parents}
        overrides = replaced(job.given, folders)
        stage = Stage(name, key, keys, path, config, overrides, *_chosen_by(config, verb), verb)
        plain: Any = OmegaConf.to_container(config, resolve=True)
        return stage, job._replace(config=config, resolved=job.resolved._replace(config=plain))


def _chosen_by(config: DictConfig, verb: str) -> tuple[str, str]:
    """The metric by which checkpoints are chosen, and what of it is better; of another verb its end tells."""
    return chosen_by(config) if verb == TRAIN else ("", "max")


def _no_such_verb(name: str, verb: str, described: Described) -> Problem:
    message = f"{verb} is nothing that a stage does; there is {', '.join(of_stages())}"
    near = nearest(verb, of_stages())
    where = described.where(name, VERB)
    return Problem(f"{STAGES}.{name}.{VERB}", message, where, near and f"{VERB}: {near}")


def _no_such_file(name: str, key: str, other: Stage, inside: str, described: Described) -> Iterable[Problem]:
    """A file of a stage whose verb says by `path` which one it writes."""
    written = _written(other)
    if written is not None and inside not in ("", written.name):
        message = f"stage:{other.name} writes {written.name}, not {inside}"
        where = described.where(name, key)
        yield Problem(f"{STAGES}.{name}.{key}", message, where, f"stage:{other.name}/{written.name}")


def _written(stage: Stage) -> Path | None:
    """The file of another verb that says by `path` which one it writes, in its skeleton."""
    path = OmegaConf.select(stage.config, "path") if stage.verb != TRAIN else None
    return None if path is None else skeleton(stage.key) / path


def _no_such_stage(name: str, other: str, key: str, described: Described) -> Problem:
    names = list(described.stages)
    earlier = names[: names.index(name)]
    if other == name:
        message = f"stage:{other} is this very stage"
    elif other in names:
        message = f"stage:{other} comes later; a stage takes from an earlier one"
    else:
        message = f"stage:{other}: no such stage"
    message += f"; before {name} there is {', '.join(earlier) or 'none'}"
    near = nearest(other, earlier)
    return Problem(f"{STAGES}.{name}.{key}", message, described.where(name, key), near and f"stage:{near}")


def _of_stage(problem: Problem, name: str, described: Described, made: dict[str, Stage]) -> Problem:
    """The problem as the user knows the stage's keys."""
    key, where = f"{STAGES}.{name}.{problem.key}", problem.where
    if where in ("", "command line"):
        where = described.where(name, problem.key.partition("=")[0])
    suggestion = problem.suggestion and f"{STAGES}.{name}.{problem.suggestion}"
    return Problem(key, _named(problem.message, made), where, suggestion)


def _refusal(line: str, name: str, described: Described, made: dict[str, Stage]) -> Problem:
    """What stopped the composition of a stage, a line with the place that only the stage knows."""
    key = re.split("[=:]", line, maxsplit=1)[0]
    line = line.replace("(command line)", f"({described.where(name, key)})")
    return Problem(f"{STAGES}.{name}", _named(line, made))


def _named(text: str, made: dict[str, Stage]) -> str:
    """With the stages' names for their skeletons."""
    for name, stage in made.items():
        text = text.replace(str(skeletons() / stage.key), f"stage:{name}")
    return text


def _key_of(draft: DictConfig, verb: str) -> str:
    """sha256 of what decides what comes out; skeletons are named by the keys of their stages."""
    keyed = replaced(OmegaConf.to_container(draft, resolve=True), {f"{skeletons()}/": f"{STAGES}:"})
    does = _goals(keyed) if verb == TRAIN else [verb, *_from_outside(keyed)]
    return hashlib.sha256(json.dumps([identity(keyed), fingerprint(keyed), *does]).encode()).hexdigest()


def _goals(config: dict[str, Any]) -> list[Any]:
    """By what checkpoints are called best: nothing to a run alone, but other stages begin from them."""
    node = feasibility.get(config, "callback.checkpoint", {})
    return [[key, node.get(key)] for key in ("monitor", "mode", "best_of", "per_task")]


def _from_outside(config: dict[str, Any]) -> list[str]:
    """The checkpoints that a verb takes of runs that are no stages: `best` may be another one tomorrow."""
    paths = [value for key, value in config.items() if isinstance(value, str) and key != "against"]
    runs = [RunFolder(path) for path in paths if path]
    return [run.named(config["checkpoint"]).name for run in runs if run.checkpoints()]


def _ask_again(config: DictConfig) -> None:
    """A skeleton's checkpoint is none to begin from: which is best its training will tell."""
    run = str(OmegaConf.select(config, "init.run") or "")
    if run.startswith(str(skeletons())):
        asked = stand_ins(RunFolder(run).config())
        config.init.checkpoint = asked.get(config.init.checkpoint, config.init.checkpoint)


def replaced(value: Any, by: dict[str, str]) -> Any:
    """Plain values with these parts of their texts replaced, in keys too."""
    if isinstance(value, dict):
        return {key: replaced(inner, by) for key, inner in value.items()}
    if isinstance(value, list):
        return [replaced(inner, by) for inner in value]
    if isinstance(value, str):
        for old, new in by.items():
            value = value.replace(old, new)
    return value
