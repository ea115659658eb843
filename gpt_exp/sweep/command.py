"""gpt-exp sweep ACTION FOLDER: what became of a sweep's jobs, and what to do about it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from omegaconf import DictConfig
from rich.console import Console

from gpt_exp.config.nearest import meant
from gpt_exp.config.overrides import quoted
from gpt_exp.errors import UserError
from gpt_exp.sweep.folder import SweepFolder

ACTIONS = ("status", "leaderboard", "report", "retry", "resume")
FORMATS = ("table", "csv", "json")


def main(config: DictConfig, overrides: list[str]) -> None:
    if config.action not in ACTIONS:
        hint = meant(str(config.action), ACTIONS)
        raise UserError(f"sweep {config.action}: no such action; there is {', '.join(ACTIONS)}{hint}")
    folder = SweepFolder.open(config.folder)
    if config.action == "status":
        tell_status(folder, Console(highlight=False))
    elif config.action == "leaderboard":
        tell_leaderboard(folder, config.format)
    elif config.action == "report":
        report(folder, png=config.png)
    else:
        go_on(folder, ["sweep.retry_failed=true"] if config.action == "retry" else [])


def tell_status(folder: SweepFolder, console: Console) -> None:
    """A line a job, and what they come to."""
    from gpt_exp.sweep.console.status import print_status

    print_status(folder, console)


def tell_leaderboard(folder: SweepFolder, form: str) -> None:
    """The table, on the console as asked for, and always in the sweep folder's files."""
    from gpt_exp.sweep.console.board import print_board
    from gpt_exp.sweep.leaderboard import leaderboard, write

    if form not in FORMATS:
        raise UserError(f"format={form}: there is {', '.join(FORMATS)}")
    board = leaderboard(folder)
    write(folder, board)
    if form == "table":
        print_board(board, Console(highlight=False))
    else:
        print((folder.leaderboard_csv if form == "csv" else folder.leaderboard_json).read_text(), end="")


def report(folder: SweepFolder, *, png: bool) -> None:
    """The sweep's page, and its figures as pictures."""
    from gpt_exp.page.sweep import write_sweep_report

    print(f"report: {write_sweep_report(folder.path)}")
    if png:
        from gpt_exp.page.png import write_figures

        for path in write_figures(folder):
            print(path)


def go_on(folder: SweepFolder, more: list[str]) -> None:
    """The sweep's own command again, in this process's place, from where it was given first."""
    asked = folder.asked()
    arguments = [*asked["arguments"], f"sweep.folder={quoted(str(folder.path.absolute()))}", *more]
    if Path(asked.get("cwd", "")).is_dir():
        os.chdir(asked["cwd"])
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "gpt_exp", "train", *arguments])
