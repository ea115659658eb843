"""The configs of all stages of an experiment, before the first of them is trained.

A stage that begins from another one takes its network and tokenizer from a run folder. Until there is one, a
skeleton in a temporary folder stands for it, named by its key; so each stage is composed and checked by the
very code that composes a run alone.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
from collections.abc import Callable, Iterable
from functools import cache
from glob import glob
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from omegaconf import DictConfig, OmegaConf

from gpt_exp.config import several
from gpt_exp.config.compose import Composition
from gpt_exp.config.feasibility import PATHS
from gpt_exp.config.nearest import nearest
from gpt_exp.config.override_key import key_of
from gpt_exp.config.problem import Problem, refuse
from gpt_exp.config.stages import REFERENCE, STAGES, Described
from gpt_exp.errors import UserError
from gpt_exp.run.durable import write_file
from gpt_exp.run.folder import BEST, LAST, RunFolder, best_called
from gpt_exp.run.identity import identity

OWN = "the stage's own folder"  # paths.run while a key is made.
KEY_LENGTH = 8  # Of a key in a folder's name.
MAX_BYTES = 100_000_000  # Of data files that are read for a key; larger ones count by size and time.

Compose = Callable[[tuple[str, ...]], Composition]  # From the overrides of one run.


class Stage(NamedTuple):
    """One run of an experiment, ready to be made."""

    name: str
    key: str  # sha256 of all that decides what it learns: equal key, equal weights.
    parents: dict[str, str]  # Keys of the stages that it refers to, by name.
    path: Path  # Its run folder.
    config: DictConfig
    overrides: list[str]
    metric: str  # What its checkpoints are chosen by.
    mode: str

    def yaml(self) -> str:
        """Its config as its run folder will have it."""
        return OmegaConf.to_yaml(self.config, resolve=True)


def plan(described: Described, compose: Compose) -> Composition:
    """The last stage's job with `stages`, all of them in order; raises all mistakes as one UserError."""
    made: dict[str, Stage] = {}
    problems: list[Problem] = []
    last: Composition | None = None
    broken: set[str] = set()
    for name, texts in described.stages.items():
        resolved, parents, wrong = _with_skeletons(name, texts, described, made, broken)
        problems += wrong
        if wrong or set(parents) & broken:
            broken.add(name)
            continue
        try:
            last = compose(tuple(resolved))
        except UserError as error:
            problems += [_refusal(line, name, described, made) for line in str(error).splitlines()]
            broken.add(name)
            continue
        if last.problems:
            problems += [_of_stage(problem, name, described, made) for problem in last.problems]
            broken.add(name)
            continue
        made[name], last = _stage(name, last, {parent: made[parent] for parent in parents}, made)
    refuse(problems)
    assert last is not None
    return last._replace(stages=tuple(made.values()))


def _with_skeletons(
    name: str, texts: Iterable[str], described: Described, made: dict[str, Stage], broken: set[str]
) -> tuple[list[str], list[str], list[Problem]]:
    """A stage's overrides with skeletons for `stage:NAME`, the names, and references to what is not there."""
    found, problems, resolved = [], [], []

    def skeleton(match: re.Match[str]) -> str:
        other, inside = match[1], match[2]
        if other in made:
            found.append(other)
            return str(_placed(_skeleton(made[other].key), inside))
        if other in broken:  # Told already.
            found.append(other)
        else:
            problems.append(_no_such_stage(name, other, key, described))
        return match[0]

    for text in texts:
        key = key_of(text)
        resolved.append(REFERENCE.sub(skeleton, text))
    return resolved, list(dict.fromkeys(found)), problems


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
        text = text.replace(str(_skeletons() / stage.key), f"stage:{name}")
    return text


def _stage(
    name: str, job: Composition, parents: dict[str, Stage], made: dict[str, Stage]
) -> tuple[Stage, Composition]:
    """The stage, and its job with the folders of those before it in the place of skeletons."""
    draft = job.config.copy()  # With skeletons in it.
    _ask_again(draft)
    draft.paths.run = OWN  # Its folder has the key in its name, and other values may have it in theirs.
    key = _key_of(draft)
    _make_skeleton(key, draft)
    folders = {str(_skeletons() / each.key): str(each.path) for each in made.values()}
    path = Path(draft.paths.outputs) / draft.name / f"{name}-{key[:KEY_LENGTH]}"
    draft.paths.run = str(path)
    config = OmegaConf.create(replaced(OmegaConf.to_container(draft, resolve=False), folders))
    assert isinstance(config, DictConfig)
    monitor = OmegaConf.select(config, "callback.checkpoint.monitor") or "val/loss"
    mode = OmegaConf.select(config, "callback.checkpoint.mode") or "min"
    overrides = replaced(job.given, folders)
    keys = {parent: stage.key for parent, stage in parents.items()}
    stage = Stage(name, key, keys, path, config, overrides, monitor, mode)
    plain: Any = OmegaConf.to_container(config, resolve=True)
    return stage, job._replace(config=config, resolved=job.resolved._replace(config=plain))


def _key_of(draft: DictConfig) -> str:
    """sha256 of what decides what the stage learns; skeletons are named by the keys of their stages."""
    keyed = replaced(OmegaConf.to_container(draft, resolve=True), {f"{_skeletons()}/": f"{STAGES}:"})
    return hashlib.sha256(json.dumps([identity(keyed), fingerprint(keyed)]).encode()).hexdigest()


def _ask_again(config: DictConfig) -> None:
    """A skeleton's checkpoint is none to begin from: which is best its training will tell."""
    run = str(OmegaConf.select(config, "init.run") or "")
    if run.startswith(str(_skeletons())):
        asked = _stand_ins(RunFolder(run).config())
        config.init.checkpoint = asked.get(config.init.checkpoint, config.init.checkpoint)


def _stand_ins(config: DictConfig) -> dict[str, str]:
    """A skeleton's checkpoints, and the names that are asked for: which these are only training tells."""
    names = [BEST, *map(best_called, several.best_of(config)), LAST]
    return {f"step-{number:08d}": name for number, name in enumerate(names, 1)}


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


@cache
def _temporary() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="gpt-exp-stages-")


def _skeletons() -> Path:
    return Path(_temporary().name).resolve()


def _skeleton(key: str) -> Path:
    return _skeletons() / key


def _make_skeleton(key: str, config: DictConfig) -> None:
    """All of a run folder that a stage's composition and check look at."""
    folder, stand_ins = RunFolder(_skeleton(key)), _stand_ins(config)
    if folder.config_file.exists() and _stand_ins(folder.config()) == stand_ins:  # They are not in the key.
        return
    shutil.rmtree(folder.path, ignore_errors=True)
    for path in (folder.tokenizer, *(folder.saved / step for step in stand_ins)):
        path.mkdir(parents=True)
    for number, name in enumerate(stand_ins.values(), 1):
        if name != LAST:
            write_file(folder.best_file(name), json.dumps({"step": number}))
    folder.save_config(config)


def _placed(folder: Path, inside: str) -> Path:
    """A path in a skeleton, with an empty file there where a name has an ending."""
    path = folder / inside.lstrip("/")
    if path.suffix and path != folder:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return path


def fingerprint(config: dict[str, Any]) -> str:
    """Of the data: contents of files on this machine, or which Python's sources and catalogues it reads.

    Not of a `root`, under which other data lie too.
    """
    node = config.get("data") or {}
    given = [node.get(key) for key in (*PATHS["data"], "train", "val", "test") if key != "root"]
    patterns = [each for value in given for each in (value if isinstance(value, list) else [value])]
    paths = {path for each in patterns if isinstance(each, str) for path in _files(each)}
    if not paths:
        return sys.version
    digest, read = hashlib.sha256(), 0
    for path in sorted(paths):
        read += path.stat().st_size
        digest.update(f"{path.name} ".encode())
        digest.update(_content(path) if read <= MAX_BYTES else repr(path.stat()[6:9:2]).encode())
    return digest.hexdigest()


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _files(pattern: str) -> Iterable[Path]:
    found = [Path(each) for each in glob(str(Path(pattern).expanduser()), recursive=True)]  # noqa: PTH207
    inside = [file for path in found if path.is_dir() for file in path.rglob("*")]
    return [path for path in (*found, *inside) if path.is_file()]
