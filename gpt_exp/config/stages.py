"""An experiment of several runs: the stages in its file, and what the command line says about them.

A stage is the overrides of a training run, in order, as on the command line or nested as in YAML. What else
stands in the file is for all stages, what a stage says for itself counts more, and the command line most.
`stage:NAME` is an earlier stage's run folder. With `verb: evaluate` it is the overrides of that verb, and of
what is said to all stages those values count that it has a key for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from omegaconf import OmegaConf

from gpt_exp.config.location import folders, shown
from gpt_exp.config.nearest import nearest
from gpt_exp.config.override_key import key_of
from gpt_exp.config.overrides import COMMAND_LINE, parse, quoted
from gpt_exp.config.problem import Problem, refuse
from gpt_exp.config.rounds import REPEAT, Listed, one_by_one
from gpt_exp.config.verbs import TRAIN
from gpt_exp.errors import UserError

STAGES, VERB = "stages", "verb"
NAME = re.compile(r"[A-Za-z]\w*")
REFERENCE = re.compile(r"(?<=[=\[,'\"{: ])stage:([\w-]*)((?:/[\w.-]+)*)")
NOT_FOR_STAGES = {  # Keys that each stage gets by itself, and what to say instead.
    "paths.run": "stages lie at outputs/NAME/STAGE-KEY: name=... or paths.outputs=... moves them",
    "resume": "the same command goes on with a staged experiment by itself",
}


class Said(NamedTuple):
    """What is said about a stage, from the least to what counts most."""

    verb: str
    texts: list[tuple[str, bool]]  # Overrides, and whether they are said to all stages.

    def overrides(self, takes: Callable[[str], bool] = lambda text: True) -> list[str]:
        """The last one of each key; of those that are said to all stages the ones that this one takes."""
        return _last(text for text, to_all in self.texts if not to_all or takes(text))


class Described(NamedTuple):
    """What a staged experiment's file and a command line say."""

    file: Path
    name: str  # Of the experiment.
    stages: dict[str, Said]
    given: list[str]  # On the command line.
    places: dict[str, tuple[str, ...]]  # Where in the file a stage is written, below `stages`.

    def where(self, stage: str, key: str) -> str:
        """Where a stage's key was written."""
        if any(key_of(text) in (key, f"{STAGES}.{stage}.{key}") for text in self.given):
            return COMMAND_LINE
        line = _line(self.file, (STAGES, *self.places[stage], key))
        return f"{shown(self.file)}:{line}" if line else shown(self.file)


def staged_file(overrides: Iterable[str], config_dir: str | None = None) -> Path | None:
    """The file of `experiment=NAME` where that lists stages."""
    named = [text.partition("=")[2] for text in overrides if text.startswith("experiment=")]
    if not named or not NAME.fullmatch(named[-1]):
        return None
    files = (folder / "experiment" / f"{named[-1]}.yaml" for folder in folders(config_dir))
    file = next((each for each in files if each.is_file()), None)
    is_staged = file is not None and re.search(rf"^{STAGES}:", file.read_text(), re.MULTILINE)
    return file if is_staged else None


def describe(file: Path, overrides: Sequence[str]) -> Described:
    """Every stage's overrides; raises UserError for a file or a command line that describes none."""
    content = _read(file)
    listed, given = content.pop(STAGES), [text for text in overrides if not text.startswith("experiment=")]
    _refuse_odd(file, listed)
    repeats, given = _repeats(given, listed)
    found = _by_name(one_by_one(listed, repeats, shown(file)), shown(file))
    stages, places = {n: each.keys for n, each in found.items()}, {n: each.place for n, each in found.items()}
    _refuse_odd(file, stages)
    shared, own = _split(given, stages)
    name = str(content.get("name", file.stem))
    of_file = [f"name={name}", *_options(file, content.pop("defaults", [])), *_flat(content)]
    described = {
        stage: _said(of_file, [*_flat(keys or {})], shared, own[stage]) for stage, keys in stages.items()
    }
    named = [str(override.value()) for override in parse(shared) if override.key_or_group == "name"]
    return Described(file, [name, *named][-1], described, list(given), places)


def _by_name(stages: Iterable[tuple[str, Listed]], file: str) -> dict[str, Listed]:
    """UserError where a round makes a stage of a name that another one has."""
    found: dict[str, Listed] = {}
    for name, stage in stages:
        if name in found:
            raise UserError(f"stages.{name}: two stages have this name, one of them in rounds ({file})")
        found[name] = stage
    return found


def _repeats(given: Sequence[str], listed: Mapping[str, Any]) -> tuple[dict[str, str], list[str]]:
    """How often groups are repeated by the command line, and what else that says."""
    keys = {f"{STAGES}.{name}.{REPEAT}": name for name in listed}
    found = {keys[key_of(text)]: text.partition("=")[2] for text in given if key_of(text) in keys}
    return found, [text for text in given if key_of(text) not in keys]


def _said(of_file: list[str], in_file: list[str], shared: list[str], own: list[str]) -> Said:
    """All of a stage in its order; a verb is none of its overrides."""
    verbs = [text.partition("=")[2] for text in [*in_file, *own] if key_of(text) == VERB]
    parts = ((of_file, True), (in_file, False), (shared, True), (own, False))
    texts = [(text, to_all) for part, to_all in parts for text in part if key_of(text) != VERB]
    return Said([TRAIN, *verbs][-1], texts)


def _read(file: Path) -> dict[str, Any]:
    try:
        content: Any = OmegaConf.to_container(OmegaConf.load(file), resolve=False)
    except (yaml.YAMLError, ValueError) as error:
        raise UserError(f"{shown(file)} can't be read: {' '.join(str(error).split())}") from error
    return content


def _refuse_odd(file: Path, stages: Any) -> None:
    if not isinstance(stages, dict) or not stages:
        raise UserError(f"stages: expected names with the keys of a run each ({shown(file)})")
    for name, keys in stages.items():
        if not NAME.fullmatch(str(name)):
            raise UserError(f"stages.{name}: a name is letters, digits and _ ({shown(file)})")
        if not isinstance(keys, dict | None):
            raise UserError(f"stages.{name}: expected keys with values, got {keys!r} ({shown(file)})")


def _split(given: Sequence[str], stages: Iterable[str]) -> tuple[list[str], dict[str, list[str]]]:
    """What the command line says to all stages, and to each."""
    shared: list[str] = []
    own: dict[str, list[str]] = {name: [] for name in stages}
    problems = []
    for text in given:
        sign, key = re.match(r"[+~]*", text)[0], key_of(text)  # type: ignore[index]
        head, _, rest = key.partition(".")
        name, _, inner = rest.partition(".")
        if key in NOT_FOR_STAGES or inner in NOT_FOR_STAGES:
            if text not in ("resume=auto", "resume=null"):
                problems.append(
                    Problem(key, NOT_FOR_STAGES.get(key, NOT_FOR_STAGES.get(inner, "")), COMMAND_LINE)
                )
        elif head != STAGES:
            shared.append(text)
        elif name not in own:
            near = nearest(name, own)
            suggestion = near and ".".join(filter(None, (STAGES, near, inner)))
            problems.append(
                Problem(key, f"no such stage; there is {', '.join(own)}", COMMAND_LINE, suggestion)
            )
        elif not inner:
            message = f"say its keys one by one, as in {key}.trainer.max_steps=100"
            problems.append(Problem(key, message, COMMAND_LINE))
        else:
            own[name].append(sign + text[len(sign) :].removeprefix(f"{STAGES}.{name}."))
    refuse(problems)
    return shared, own


def _options(file: Path, defaults: Any) -> Iterator[str]:
    """A defaults list's `override /group: option` as `group=option`."""
    for entry in defaults:
        pairs = list(entry.items()) if isinstance(entry, dict) else []
        if not all(str(group).startswith("override /") for group, _ in pairs) or not pairs:
            told = f"expected `override /GROUP: OPTION`, got {entry!r}"
            raise UserError(f"defaults: {told}; a stage chooses its experiment ({shown(file)})")
        for group, option in pairs:
            yield f"{str(group).removeprefix('override /')}={spelt(option)}"


def _flat(keys: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """A mapping as overrides, `trainer: {max_steps: 5}` and `trainer.max_steps: 5` alike."""
    for key, value in keys.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}={spelt(value)}"


def spelt(value: Any) -> str:
    """A value of YAML as Hydra's grammar reads it back."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}: {spelt(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(spelt, value)) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if not isinstance(value, str):
        return repr(value)
    try:
        is_plain = parse([f"value={value}"])[0].value() == value
    except UserError:
        is_plain = False
    return value if is_plain else quoted(value)


def _last(texts: Iterable[str]) -> list[str]:
    """Of one key the last override, in its own place."""
    return list({key_of(text): text for text in texts}.values())


def _line(file: Path, place: Sequence[str]) -> int | None:
    """The line of a stage's key, dotted or nested; of the stage where the key stands elsewhere."""
    with file.open() as text:
        node: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    line, path = None, list(place)
    while path and isinstance(node, yaml.MappingNode):
        wanted = path.pop(0)
        for name, inner in sorted(node.value, key=lambda pair: -len(pair[0].value)):
            if wanted == name.value or wanted.startswith(f"{name.value}."):
                line, node = name.start_mark.line + 1, inner
                path[:0] = [wanted[len(name.value) + 1 :]] if wanted != name.value else []
                break
        else:
            break
    return line
