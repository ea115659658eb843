"""Every job of a command, checked before any of them starts."""

from __future__ import annotations

import argparse
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from gpt_exp.config import feasibility, fine_tuning, growing, monitored, overrides, several, verbs
from gpt_exp.config.compose import Composition, composition
from gpt_exp.config.location import groups, root_config
from gpt_exp.config.override_key import key_of
from gpt_exp.config.problem import Problem, refuse
from gpt_exp.config.stage_plan import plan
from gpt_exp.config.stages import describe, staged_file
from gpt_exp.config.verbs import TRAIN
from gpt_exp.sweep.space.space import corners, read_space


def checked(verb: str, flags: argparse.Namespace) -> list[Composition]:
    """The command's job, or those of its sweep; all their mistakes are raised together."""
    lists = sweep_jobs(flags) if flags.multirun else [flags.overrides]
    name = flags.config_name or root_config(verb)
    folder = None if flags.config_dir is None else str(Path(flags.config_dir).resolve())
    found = [composed(verb, tuple(job), folder, name) for job in lists]
    refuse(problem for job in found for problem in job.problems)
    return found


def is_staged(verb: str, flags: argparse.Namespace) -> bool:
    """Whether the command's experiment lists stages."""
    return root_config(verb) == TRAIN and staged_file(flags.overrides, flags.config_dir) is not None


def sweep_jobs(flags: argparse.Namespace) -> list[list[str]]:
    """The overrides of every job of a sweep; where there are too many or endless ones, of its corners."""
    space = read_space(flags.overrides, flags.config_dir)
    return [[*space.fixed, *own] for own in corners(space)]


@lru_cache(maxsize=1024)  # A sweep's jobs are checked, planned, and started.
def composed(verb: str, texts: tuple[str, ...], config_dir: str | None, config_name: str) -> Composition:
    """One job with all its problems; of a staged experiment the last stage, with all of them."""
    if root_config(verb) == TRAIN and (file := staged_file(texts, config_dir)) is not None:
        return plan(describe(file, texts), partial(_stage, config_dir, config_name), groups(config_dir))
    return _alone(verb, texts, config_dir, config_name)


def _stage(config_dir: str | None, config_name: str, verb: str, texts: tuple[str, ...]) -> Composition:
    """`config_name` is the root config of stages that train."""
    return _alone(verb, texts, config_dir, config_name if verb == TRAIN else root_config(verb))


@lru_cache(maxsize=1024)  # Jobs of a sweep share stages.
def _alone(verb: str, texts: tuple[str, ...], config_dir: str | None, config_name: str) -> Composition:
    job = composition(verb, list(texts), config_dir, config_name)
    config = job.resolved.config
    is_train = root_config(verb) == TRAIN
    found = _of_training(config) if is_train else verbs.problems(verb, config)
    return job._replace(problems=[*job.problems, *job.located(found)])


def _of_training(config: dict[str, Any]) -> list[Problem]:
    return [*several.problems(config, _of_one), *monitored.problems(config)]


def _of_one(config: dict[str, Any]) -> list[Problem]:
    return [
        *feasibility.problems(config),
        *fine_tuning.problems(config),
        *growing.problems(config),
    ]


def spelt(jobs: list[Composition], texts: list[str]) -> list[str]:
    """The command's overrides as Hydra takes them in every one of its jobs."""
    added = {key_of(text) for job in jobs for text in job.spelt if text.startswith("++")}
    return [
        f"++{text}" if key_of(text) in added and text[0] not in "+~" else text
        for text in map(overrides.at_home, texts)
    ]


def spelt_for_showing(verb: str, flags: argparse.Namespace) -> list[str]:
    """As `spelt`, for a config that need not be whole: `--cfg job` shows also what still lacks a value."""
    job = composition(verb, flags.overrides, flags.config_dir, flags.config_name)
    unknown = [problem for problem in job.problems if "no such key" in problem.message]
    refuse(unknown)
    return job.spelt
