"""The card of an exported model: a README.md as the Hugging Face hub reads it, from the run's folder."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from gpt_exp.page import numbers
from gpt_exp.page.intervals import between
from gpt_exp.page.judged import INSTEAD, PART, Evaluated, Figure, read_summary, told_how
from gpt_exp.page.links import called
from gpt_exp.page.render import render
from gpt_exp.run.folder import RunFolder, read_json
from gpt_exp.run.summary import result

TEMPLATE = "model_card.md.j2"
LOSSES = ("loss", "perplexity", "bits_per_byte")  # Of a text as of records; compressors are no models.
LANGUAGE = re.compile(r"[a-z]{2,3}")
HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
PLACE = re.compile(r"~?/|[A-Za-z]:\\")  # How a path of some machine begins.
FIELD = re.compile(r"\{(\w+)\}")
LENGTHS = (
    ("step", "steps", numbers.rounded),
    ("num_tokens_seen", "tokens", numbers.count),
    ("seconds", "time", numbers.duration),
)
PARTS = (
    "data",
    "tokenizer",
    "task",
    "model",
    "adapter",
    "augmentation",
    "optimizer",
    "schedule",
    "batch_size",
    "trainer.precision",
    "trainer.gradient_clip_val",
    "seed",
)


class Exported(NamedTuple):
    """What only the export knows."""

    checkpoint: str  # Its folder's name.
    is_best: bool  # The losses that training ends with are of the best checkpoint.
    num_parameters: int
    heads: str | None  # The file with the task's heads.


def model_card(folder: RunFolder, exported: Exported) -> str:
    """README.md: metadata in YAML, then what was trained how, what it reaches, and how it is opened."""
    config = folder.plain_config()
    evaluated = _evaluated(folder, exported)
    figures = list(_figures(folder, exported, evaluated))
    name, time = called(folder.path.absolute())
    return render(
        TEMPLATE,
        metadata=yaml.safe_dump(
            _metadata(config, name, figures, exported), sort_keys=False, allow_unicode=True
        ).strip(),
        name=name,
        exported=exported,
        num_parameters=numbers.count(exported.num_parameters),
        figures=[_told(figure) for figure in figures],
        answers=[(each.split, ", ".join(how)) for each in evaluated if (how := _how(each))],
        rows=[*_training(folder), *_parts(config), *_environment(folder), ("run", f"{name} {time}")],
        **_description(config),
    )


def _description(config: Mapping[str, Any]) -> dict[str, Any]:
    """What it is, and what it is asked with."""
    prompts, labels = _get(config, "task.template"), _get(config, "task.labels")
    return {
        "family": _class(config, "model"),
        "task": _task(config).replace("_", " "),
        "dataset": _dataset(config),
        "base": _base(config),
        "prompts": prompts if isinstance(prompts, str) else None,
        "prompt": _prompt(config),
        "labels": json.dumps(labels, ensure_ascii=False) if isinstance(labels, list) else None,
        "max_new_tokens": 1 if _task(config) == "recommendation" else _max_new_tokens(config),
    }


def _max_new_tokens(config: Mapping[str, Any]) -> int:
    return int(_get(config, "task.max_new_tokens") or 100)


def _evaluated(folder: RunFolder, exported: Exported) -> list[Evaluated]:
    """Judged answers of this very checkpoint to the run's own data and task, and to all of a split."""
    return [
        evaluated
        for evaluated in read_summary(folder.path)
        if evaluated.how.get("checkpoint") == exported.checkpoint
        and not {PART, *INSTEAD} & set(evaluated.how)
    ]


def _how(evaluated: Evaluated) -> list[str]:
    """How answers were made; the card tells of one checkpoint alone."""
    return told_how({name: each for name, each in evaluated.how.items() if name != "checkpoint"})


def _figures(folder: RunFolder, exported: Exported, evaluated: list[Evaluated]) -> Iterator[Figure]:
    """By split, what predictions were judged by, and the losses."""
    results = read_json(folder.results) if exported.is_best else {}
    judged = {each.split: each.figures for each in evaluated}
    splits = [name for name, found in results.items() if isinstance(found, Mapping) and PART not in found]
    for split in dict.fromkeys([*judged, *splits]):
        yield from judged.get(split, [])
        for name in LOSSES if split in splits else ():
            if (value := result(results, f"{split}/{name}")) is not None:
                yield Figure(split, name, value)


def _metadata(
    config: Mapping[str, Any], name: str, figures: list[Figure], exported: Exported
) -> dict[str, Any]:
    """What the hub reads: https://huggingface.co/docs/hub/model-cards#model-card-metadata."""
    known = {
        "library_name": "transformers",
        "pipeline_tag": None if exported.heads else "text-generation",
        "tags": ["gpt-exp", _task(config)],
        "language": _languages(config),
        "base_model": _hub_name(config, "model.path"),
        "datasets": _hub_name(config, "data.path"),
        "metrics": list(dict.fromkeys(figure.name for figure in figures)),
        "model-index": [{"name": name, "results": _index(config, figures)}] if figures else None,
    }
    return {key: value for key, value in known.items() if value}


def _index(config: Mapping[str, Any], figures: list[Figure]) -> list[dict[str, Any]]:
    """An entry a split; the hub takes no numbers that are not finite."""
    by_split: dict[str, list[dict[str, Any]]] = {}
    for figure in figures:
        if abs(figure.value) < float("inf"):
            told = {"type": figure.name, "value": float(figure.value), "name": figure.name.replace("_", " ")}
            by_split.setdefault(figure.split, []).append(told)
    kind = "text-classification" if _get(config, "task.labels") else "text-generation"
    task = {"type": kind, "name": _task(config).replace("_", " ")}
    data = _dataset(config)
    return [
        {"task": task, "dataset": {"type": data, "name": data, "split": split}, "metrics": metrics}
        for split, metrics in by_split.items()
    ]


def _told(figure: Figure) -> tuple[str, str, str, str]:
    return figure.split, figure.name.replace("_", " "), numbers.rounded(figure.value), between(figure)


def _class(config: Mapping[str, Any], part: str) -> str:
    """The last name of what a node makes."""
    return str(_get(config, f"{part}._target_") or part).rpartition(".")[2]


def _task(config: Mapping[str, Any]) -> str:
    """The name of the task's module: "translation"."""
    return str(_get(config, "task._target_") or "language_modeling.").split(".")[-2:][0]


def _dataset(config: Mapping[str, Any]) -> str:
    """What the data are called: on the hub, their folder, or what reads them."""
    for key in ("path", "folder", "root"):
        if isinstance(found := _get(config, f"data.{key}"), str) and found:
            return _without_place(found)
    return str(_get(config, "data._target_") or "data.unknown").split(".")[-2:][0]


def _languages(config: Mapping[str, Any]) -> list[str]:
    """Codes of languages among the data's arguments."""
    found = [_get(config, f"data.{key}") for key in ("language", "source", "target")]
    return [each for each in found if isinstance(each, str) and LANGUAGE.fullmatch(each)]


def _hub_name(config: Mapping[str, Any], key: str) -> str | None:
    """A repository of the hub; a path of a machine is none."""
    found = _get(config, key)
    is_name = isinstance(found, str) and HUB_NAME.fullmatch(found) and not Path(found).exists()
    return found if is_name else None


def _base(config: Mapping[str, Any]) -> str | None:
    """What was trained further: a run's NAME/TIME, or a model."""
    if run := _get(config, "init.run"):
        return "/".join(Path(str(run)).parts[-2:])
    found = _get(config, "model.path")
    return _without_place(found) if isinstance(found, str) else None


def _prompt(config: Mapping[str, Any]) -> str:
    """A Python expression for what it is asked with, in the form that it was trained on."""
    template, roles = _get(config, "task.template"), _get(config, "task.roles")
    if isinstance(template, str):
        return _filled(template)
    if isinstance(roles, Mapping) and {"user", "assistant"} <= roles.keys():
        end = _get(config, "task.end_of_turn")
        turn_ends = "tokenizer.eos_token" if end is None else json.dumps(end, ensure_ascii=False)
        says, answers = (json.dumps(text, ensure_ascii=False) for text in _spoken(roles))
        return f"{says} + {turn_ends} + {answers}"
    return json.dumps("your items" if _task(config) == "recommendation" else "Once upon a time")


def _spoken(roles: Mapping[str, str]) -> tuple[str, str]:
    """What a user says, and what stands before the answer."""
    user = roles["user"]
    return f"{user}{'' if user[-1:].isspace() else ' '}your message", roles["assistant"]


def _filled(template: str) -> str:
    """A Python expression that fills a template."""
    fields = dict.fromkeys(FIELD.findall(template))
    return json.dumps(template, ensure_ascii=False) + "".join(
        f'.replace("{{{field}}}", "your {field}")' for field in fields
    )


def _training(folder: RunFolder) -> Iterator[tuple[str, str]]:
    """How long it was trained."""
    results = read_json(folder.results)
    for key, name, form in LENGTHS:
        if (value := result(results, key)) is not None:
            yield name, form(value)


def _parts(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What it was made of."""
    for key in PARTS:
        if (found := _get(config, key)) is not None and found != {}:
            yield key.rpartition(".")[2].replace("_", " "), _described(found)


def _environment(folder: RunFolder) -> Iterator[tuple[str, str]]:
    """On what it was trained."""
    environment, git = read_json(folder.environment), read_json(folder.git)
    packages = {"Python": environment.get("python"), **(environment.get("packages") or {})}
    changes = ", with changes that are not committed" if git.get("dirty") else ""
    rows = {
        "hardware": ", ".join(environment.get("gpus") or []) or environment.get("cpu"),
        "code": f"{git['commit']}{changes}" if git.get("commit") else None,
        "versions": ", ".join(f"{name} {version}" for name, version in packages.items() if version),
    }
    yield from ((name, value) for name, value in rows.items() if value)


def _described(node: Any) -> str:
    """A node of a config on one line: what it makes, and its plain arguments; of several, each."""
    if not isinstance(node, Mapping):
        return _value(node)
    inner = [f"{key}: {_described(each)}" for key, each in node.items() if isinstance(each, Mapping) and each]
    plain = {key: each for key, each in node.items() if key[:1] != "_" and not isinstance(each, Mapping)}
    arguments = [f"{key}={_value(each)}" for key, each in plain.items() if each is not None]
    made = _made(str(node.get("_target_", "")))
    return f"{made}({', '.join(arguments + inner)})" if made else ", ".join(arguments + inner)


def _made(target: str) -> str:
    """A class, or a function with its module where that says more: "Llama", "muon", "bpe.train"."""
    module, _, name = target.rpartition(".")
    module = module.rpartition(".")[2]
    return f"{module}.{name}" if name.islower() and module not in ("", name) else name


def _value(value: Any) -> str:
    """JSON on one line, without the folders of a machine."""
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return (
        _without_place(value)
        if isinstance(value, str) and "\n" not in value
        else json.dumps(value, ensure_ascii=False)
    )


def _without_place(text: str) -> str:
    """The last name of a path; any other text as it is."""
    return Path(text).name if PLACE.match(text) else text


def _get(node: Any, path: str) -> Any:
    for part in path.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    return node
