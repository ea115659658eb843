"""Every option of every group composes, binds to what it names, and passes `check`."""

import inspect
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from gpt_exp.config import feasibility
from gpt_exp.config.compose import composition
from gpt_exp.config.help import defaults_of
from gpt_exp.config.keys import META
from gpt_exp.config.location import groups
from gpt_exp.run.folder import RunFolder
from gpt_exp.tokenizer.byte import byte

DOES_NOT_EXIST = re.compile(r"(?:^|: )(/\S+) does not exist")
OPTIONS = [
    (group, option) for group, options in groups().items() for option in options if not option.startswith("_")
]


def bind(node: Any) -> None:
    """Import what every `_target_` names and give it the node's arguments, without calling it."""
    if isinstance(node, dict):
        if "_target_" in node:
            module, _, name = node["_target_"].rpartition(".")
            signature = inspect.signature(getattr(import_module(module), name))
            signature.bind_partial(**{key: value for key, value in node.items() if key not in META})
        for value in node.values():
            bind(value)


def value_for(key: str, folder: Path) -> str:
    """Something that a key without a default takes."""
    if key == "task.labels":
        return "[sports,politics]"
    if key == "data.sources":
        return f"{{a: {{_target_: gpt_exp.data.text.TextFiles, paths: [{folder}/text.txt]}}}}"
    if key == "data.records":
        return f"{{_target_: gpt_exp.data.delimited.Delimited, train: {folder}/text.txt}}"
    if key == "augmentation.back_translation.path":
        (folder / "said.jsonl").write_text('{"text": "Some text.", "paraphrases": ["A text."]}')
        return str(folder / "said.jsonl")
    return f"[{folder}/text.txt]" if key.endswith(("paths", ".train")) else str(folder)


def base_run(folder: Path) -> Path:
    """A run with all that another run inherits, untrained."""
    RunFolder.create(folder, composition("train", []).config, [])
    byte().save(folder / "tokenizer")
    (folder / "checkpoints" / "step-00000001").mkdir(parents=True)
    return folder


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_option(group: str, option: str, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("Some text.")
    verb = "train" if group not in defaults_of("generate") else "generate"
    several = group in ("callback", "logger", "augmentation")
    overrides = [f"{group}=[{option}]" if several else f"{group}={option}"]
    if (group, option) == ("model", "run"):
        overrides.append(f"init.run={base_run(tmp_path / 'base')}")
    job = composition(verb, overrides)
    missing = [problem.key for problem in job.problems if "needs a value" in problem.message]
    paths = [f"{key}={value_for(key, tmp_path)}" for key in missing]
    job = composition(verb, [*overrides, *paths])
    assert not job.problems
    bind(job.resolved.config)
    assert not remaining(job.resolved.config)


def remaining(config: dict[str, Any], missing: str = "") -> list[Any]:
    """What is wrong once every file is there that a data set of several files says it lacks."""
    problems = feasibility.problems(config)
    told = [match[1] for problem in problems if (match := DOES_NOT_EXIST.search(problem.message))]
    if not told or told[0] == missing:
        return problems
    Path(told[0]).touch()
    return remaining(config, told[0])
