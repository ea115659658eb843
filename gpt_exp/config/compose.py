"""From a verb and its overrides to one checked config; whatever is wrong is told in a line each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException, MissingConfigException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from gpt_exp.config import hydra_app, structure, targets
from gpt_exp.config import overrides as command_line
from gpt_exp.config.inherit import inherit, settle
from gpt_exp.config.keys import references
from gpt_exp.config.location import conf_folder, folders, groups, last_change, root_config, shown
from gpt_exp.config.nearest import nearest
from gpt_exp.config.origin import Layer, origin
from gpt_exp.config.problem import Problem, refuse
from gpt_exp.config.resolve import Resolved, resolve
from gpt_exp.errors import UserError


class Composition(NamedTuple):
    """A composed config, what is wrong with it, and how it came about."""

    config: DictConfig
    resolved: Resolved
    problems: list[Problem]
    overrides: list[Override]
    spelt: list[str]  # The overrides as Hydra takes them: `++` before parameters that no YAML mentions.
    name: str  # Of the root config.
    config_dir: str | None
    stages: tuple[Any, ...] = ()  # Of a staged experiment, whose last one this is (config/stage_plan.py).

    @property
    def given(self) -> list[str]:
        """The overrides as the user wrote them."""
        return [str(override.input_line) for override in self.overrides]

    def located(self, problems: Iterable[Problem]) -> list[Problem]:
        """The problems, each with the place where its key was written."""
        problems = list(problems)
        layers = _layers(self) if problems else []
        return [problem._replace(where=origin(problem.key, self.overrides, layers)) for problem in problems]


def compose(verb: str, overrides: list[str], config_dir: str | None = None) -> DictConfig:
    """The config of one job, checked; all mistakes are raised together as one `UserError`."""
    job = composition(verb, overrides, config_dir)
    refuse(job.problems)
    return job.config


def composition(
    verb: str, overrides: list[str], config_dir: str | None = None, config_name: str | None = None
) -> Composition:
    """As `compose`, with the origin of every key; raises only where there is nothing to go on with."""
    offered = groups(config_dir)
    parsed = command_line.parse(overrides)
    refuse(command_line.option_problems(parsed, offered))
    sweeps = [str(override.input_line) for override in parsed if override.is_sweep_override()]
    refuse(
        Problem(text, "several values need -m, or [brackets] for a list", "command line") for text in sweeps
    )
    with _told_in_a_line(offered, config_dir):
        job = _compose(config_name or root_config(verb), parsed, offered, config_dir)
        found = structure.problems(job.resolved, _root(verb), offered)
        job.problems.extend(job.located(found))
    return job


def _compose(
    name: str, parsed: list[Override], offered: dict[str, list[str]], config_dir: str | None
) -> Composition:
    """Let Hydra choose the options; then set the values, with or without `+`, where something takes them."""
    values = [o for o in parsed if not (command_line.chooses_option(o, offered) or _is_hydras(o))]
    chosen = tuple(str(o.input_line) for o in parsed if o not in values)
    config = _with_options(name, chosen, config_dir, last_change(config_dir)).copy()
    problems = targets.hydra_problems(OmegaConf.to_container(config.hydra, resolve=False))
    HydraConfig.instance().set_config(config)  # For ${hydra:...}.
    with open_dict(config):
        del config["hydra"]
    written: Any = OmegaConf.to_container(config, resolve=False)  # As Hydra will have it, too.
    if name == root_config("train"):
        named = [o.value() for o in parsed if o.key_or_group == "init.run"]
        inherit(config, str(named[-1]) if named and named[-1] else None)
    plain: Any = OmegaConf.to_container(config, resolve=False)
    read = references(plain) | _read_by(parsed)
    problems += command_line.key_problems(values, plain, offered, read)
    spelt = [command_line.spelt(o, o not in values or _exists(written, o.key_or_group)) for o in parsed]
    unknown = {problem.key for problem in problems}
    for override in values:
        if override.key_or_group not in unknown:
            _apply(override, config)
    if name == root_config("train"):
        settle(config)
    return Composition(config, resolve(config), problems, parsed, spelt, name, config_dir)


@lru_cache(maxsize=256)  # Jobs of a sweep often choose the same options and differ in values.
def _with_options(
    name: str, chosen: tuple[str, ...], config_dir: str | None, as_of: tuple[int, int]
) -> DictConfig:
    """What Hydra makes of the options alone, with its own node; kept for as long as no file is newer."""
    with _hydra(config_dir):
        return hydra_compose(name, list(chosen), return_hydra_config=True)


def _apply(override: Override, config: DictConfig) -> None:
    key, value = override.key_or_group, override.value()
    if not override.is_delete():
        OmegaConf.update(config, key, value, merge=True, force_add=True)
        return
    parent, _, name = key.rpartition(".")
    with open_dict(config):
        node = OmegaConf.select(config, parent) if parent else config
        del node[name]


@contextmanager
def _hydra(config_dir: str | None) -> Iterator[None]:
    hydra_app.join(config_dir)
    carrying_out = GlobalHydra.instance().hydra  # A sweep, whose jobs are composed one by one.
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(conf_folder()), version_base="1.3"):
            yield
    finally:
        GlobalHydra.instance().hydra = carrying_out


@contextmanager
def _told_in_a_line(offered: dict[str, list[str]], config_dir: str | None) -> Iterator[None]:
    """Hydra's and YAML's own errors as a `UserError`."""
    try:
        yield
    except UserError:
        raise
    except MissingConfigException as error:
        raise UserError(str(_missing(error, offered, config_dir))) from error
    except yaml.YAMLError as error:
        raise UserError(str(_bad_yaml(error))) from error
    except (HydraException, OmegaConfBaseException, ValueError, TypeError, KeyError, RecursionError) as error:
        cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else None
        lines = [line.strip() for each in (error, cause) if each for line in str(each).splitlines()[:2]]
        raise UserError(" ".join(line for line in lines if line) or type(error).__name__) from error


def _missing(error: MissingConfigException, offered: dict[str, list[str]], config_dir: str | None) -> Problem:
    wanted = (error.missing_cfg_file or "").lstrip("/")
    group, _, option = wanted.rpartition("/")
    if not group:
        roots = [file.stem for folder in folders(config_dir) for file in folder.glob("*.yaml")]
        return Problem(wanted, "no such root config", "command line", nearest(wanted, roots))
    options = offered.get(group) or _of_plugins(group)
    near = nearest(option, options)
    extras = (
        "; pip install 'gpt-exp[slurm]' or 'gpt-exp[ray]' for theirs" if group == "hydra/launcher" else ""
    )
    message = f"no such option; there is {', '.join(options) or 'none'}{extras}"
    said_by = str(error).partition("In '")[2].partition("'")[0]
    where = next((shown(f) for d in folders(config_dir) if (f := d / f"{said_by}.yaml").is_file()), "")
    return Problem(f"{group}={option}", message, where, near and f"{group}={near}")


def _of_plugins(group: str) -> list[str]:
    """The options of one of Hydra's own groups."""
    try:
        return [name.removesuffix(".yaml") for name in ConfigStore.instance().list(group)]
    except OSError:  # No such group.
        return []


def _bad_yaml(error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None)
    where = f"{shown(Path(mark.name))}:{mark.line + 1}" if mark is not None else ""
    return Problem("", str(getattr(error, "problem", None) or error), where)


def _layers(job: Composition) -> list[Layer]:
    """The files behind a config, in the order in which they were merged."""
    with _hydra(job.config_dir):
        loader = GlobalHydra.instance().config_loader()
        defaults = loader.compute_defaults_list(job.name, job.spelt, RunMode.RUN).defaults
    found = []
    for default in defaults:
        paths = [folder / f"{default.config_path}.yaml" for folder in folders(job.config_dir)]
        file = next((path for path in paths if path.is_file()), None)
        if file is not None:
            found.append(Layer(file, default.package or ""))
    return found


def _root(verb: str) -> dict[str, Any]:
    """Our own root config of a verb as its file has it."""
    with (conf_folder() / f"{root_config(verb)}.yaml").open() as text:
        return yaml.safe_load(text)


def _read_by(parsed: list[Override]) -> set[str]:
    return set().union(*(references(o.value()) for o in parsed))


def _is_hydras(override: Override) -> bool:
    return override.key_or_group.partition(".")[0].partition("/")[0] == "hydra"


def _exists(config: dict[str, Any], key: str) -> bool:
    node: Any = config
    for part in key.split("."):
        if not isinstance(node, dict) or part not in node:
            return False
        node = node[part]
    return True
