"""Hydra's own application: its flags, its run folders, its sweeps."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from hydra import main as hydra_main
from hydra._internal.utils import get_args_parser
from hydra.core.config_search_path import ConfigSearchPath, SearchPathQuery
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig

from gpt_exp.config.location import conf_folder, folders
from gpt_exp.errors import UserError

Task = Callable[[DictConfig, list[str]], object]


def parse(verb: str, arguments: list[str]) -> argparse.Namespace:
    """Hydra's flags and, as `overrides`, the rest; they may stand in any order."""
    parser = get_args_parser()
    parser.prog = f"gpt-exp {verb}"
    parser.error = _refuse  # type: ignore[method-assign]
    flags = parser.parse_intermixed_args(arguments)
    if flags.config_path:
        raise UserError(
            "--config-path would hide gpt-exp's own options: --config-dir FOLDER adds yours to them"
        )
    if flags.experimental_rerun:
        raise UserError("--experimental-rerun is not supported: train resume=FOLDER goes on with a run")
    given = [text for text in flags.overrides if text.lstrip("+~").startswith("hydra.searchpath")]
    if given:
        raise UserError("hydra.searchpath: --config-dir FOLDER adds your own options (command line)")
    flags.rest = _without(arguments, flags.overrides)
    flags.multirun = flags.multirun or "hydra.mode=MULTIRUN" in flags.overrides
    return flags


def only_shows(flags: argparse.Namespace) -> bool:
    """Whether Hydra shall print something and do nothing."""
    return bool(flags.cfg or flags.info or flags.hydra_help or flags.shell_completion)


def hand_over(config_name: str, flags: argparse.Namespace, overrides: list[str], task: Task) -> None:
    """Let Hydra show the config, or run `task` once or for every job of a sweep.

    The task is told its overrides without the `++` that makes Hydra take a parameter that no YAML mentions.
    """

    def gpt_exp(config: DictConfig) -> None:
        task(config, [override.removeprefix("++") for override in HydraConfig.get().overrides.task])

    join(flags.config_dir)
    name = flags.config_name or config_name
    sys.argv = [sys.argv[0], *overrides, *_without_config_dir(flags.rest)]
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # Errors come back to us; Hydra would print a traceback.
    hydra_main(version_base="1.3", config_path=str(conf_folder()), config_name=name)(gpt_exp)()


class OwnOptions(SearchPathPlugin):
    """Puts the user's folder before ours; Hydra's own --config-dir puts it behind."""

    folder: Path | None = None

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        if self.folder is not None:
            ours = SearchPathQuery(provider="main")
            search_path.prepend("gpt-exp --config-dir", f"file://{self.folder}", ours)


def own_options() -> str | None:
    """The folder that `join` was told of."""
    return None if OwnOptions.folder is None else str(OwnOptions.folder)


def join(config_dir: str | None) -> None:
    """Let every later composition look into the user's folder first."""
    OwnOptions.folder = None if config_dir is None else folders(config_dir)[0]
    Plugins.instance().register(OwnOptions)


def _refuse(message: str) -> NoReturn:
    raise UserError(message)


def _without(arguments: list[str], overrides: list[str]) -> list[str]:
    rest, left = [], list(overrides)
    for argument in arguments:
        if argument in left:
            left.remove(argument)
        else:
            rest.append(argument)
    return rest


def _without_config_dir(rest: list[str]) -> list[str]:
    kept, skip = [], False
    for argument in rest:
        if skip:
            skip = False
        elif argument in ("--config-dir", "-cd"):
            skip = True
        elif not argument.startswith(("--config-dir=", "-cd=")):
            kept.append(argument)
    return kept
