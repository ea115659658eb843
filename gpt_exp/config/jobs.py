"""Every job of a command, checked before any of them starts."""

from __future__ import annotations

import argparse

from gpt_exp.config import feasibility, overrides
from gpt_exp.config.compose import Composition, composition
from gpt_exp.config.location import root_config
from gpt_exp.config.problem import refuse


def checked(verb: str, flags: argparse.Namespace) -> list[Composition]:
    """The command's job, or those of its sweep; all their mistakes are raised together."""
    lists = overrides.jobs(flags.overrides) if flags.multirun else [flags.overrides]
    found = [composition(verb, job, flags.config_dir, flags.config_name) for job in lists]
    problems = [problem for job in found for problem in job.problems]
    if root_config(verb) == "train":
        for job in found:
            problems += job.located(feasibility.problems(job.resolved.config))
    refuse(problems)
    return found


def spelt(jobs: list[Composition], texts: list[str]) -> list[str]:
    """The command's overrides as Hydra takes them in every one of its jobs."""
    return [
        f"++{text}"
        if any(job.spelt[index].startswith("++") for job in jobs) and text[0] not in "+~"
        else text
        for index, text in enumerate(map(overrides.at_home, texts))
    ]


def spelt_for_showing(verb: str, flags: argparse.Namespace) -> list[str]:
    """As `spelt`, for a config that need not be whole: `--cfg job` shows also what still lacks a value."""
    job = composition(verb, flags.overrides, flags.config_dir, flags.config_name)
    unknown = [problem for problem in job.problems if "no such key" in problem.message]
    refuse(unknown)
    return job.spelt
