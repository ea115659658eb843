"""A sweep on one page: how it stands, curves over each other, what mattered, every job with a link."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gpt_exp.page import numbers
from gpt_exp.page.figures import to_json
from gpt_exp.page.links import Link, to_reports
from gpt_exp.page.render import SCRIPT, render, write_page
from gpt_exp.page.sweep_figures import sweep_figures
from gpt_exp.page.table import Cell, Row, number
from gpt_exp.run.folder import RunFolder
from gpt_exp.run.tail import end
from gpt_exp.sweep import leaderboard as boards
from gpt_exp.sweep.console.board import short, spelt
from gpt_exp.sweep.folder import DONE, STATES, SweepFolder
from gpt_exp.sweep.leaderboard import Leaderboard
from gpt_exp.sweep.seeds import SEED, Group, Value

TEMPLATE = "sweep.html.j2"
NUM_LOG_BYTES = 2000


def sweep_page(
    folder: SweepFolder,
    *,
    link: Link,
    read: boards.Read = boards.logged,
    script: str = SCRIPT,
    live: int | None = None,
) -> str:
    """The page of a sweep as it is now."""
    board = boards.leaderboard(folder, read)
    return render(TEMPLATE, **contents(folder, board, link), script=script, live=live)


def write_sweep_report(path: Path) -> Path:
    """Write a sweep's report.html and its leaderboard files; returns the page."""
    folder = SweepFolder.open(path)
    board = boards.leaderboard(folder)
    boards.write(folder, board)
    link = to_reports(folder.path)
    return write_page(folder.report, _cache(folder), TEMPLATE, **contents(folder, board, link))


def _cache(folder: SweepFolder) -> Path | None:
    """Of the first job that has begun: all jobs of a sweep share it."""
    runs = (folder.run(job) for job in folder.jobs())
    begun = next((run for run in runs if run.config_file.is_file()), None)
    return None if begun is None else begun.cache()


def contents(folder: SweepFolder, board: Leaderboard, link: Link) -> dict[str, Any]:
    """What the template is given besides `script` and `live`."""
    states = Counter(row.state for row in board.rows)
    return {
        "title": folder.name,
        "name": folder.path.absolute().parent.name,
        "time": folder.path.absolute().name,
        "states": {state: states[state] for state in STATES if states[state]},
        "done": sum(states[state] for state in (*DONE, "failed")),
        "num_jobs": len(board.rows),
        "headline": headline(board),
        "figures": {heading: to_json(figure) for heading, figure in sweep_figures(board).items()},
        "columns": _columns(board),
        "rows": [_row(row, board, link) for row in board.rows],
        "group_columns": _group_columns(board),
        "groups": [_group(index, group, board) for index, group in enumerate(board.groups)],
        "remarks": board.remarks,
        "failures": [
            {"job": f"{row.job:04d}", "reason": row.reason, "console": _end(RunFolder(row.run))}
            for row in board.rows
            if row.state == "failed"
        ],
        "command": folder.asked().get("command", ""),
        "commands": _commands(folder.path),
    }


def headline(board: Leaderboard) -> list[tuple[str, str, str]]:
    """(value, what it is, a remark), of what is known so far."""
    steps = sum(row.steps for row in board.rows)
    saved = sum((row.max_steps or row.steps) - row.steps for row in board.rows if row.state == "pruned")
    facts = [
        (numbers.count(steps), "steps trained", f"{numbers.count(saved)} more pruned away" if saved else "")
    ]
    seconds = sum(row.seconds for row in board.rows)
    facts.append((numbers.duration(seconds), "of training", f"in {len(board.rows)} jobs"))
    best = next((row for row in board.rows if row.is_best), None)
    if best is None or best.reached[0] is None:
        return facts
    objective = board.objectives[0]
    given = " ".join(
        f"{short(key, board.parameters)}={spelt(value)}" for key, value in best.parameters.items()
    )
    facts.insert(
        0, (f"{best.reached[0].best:.4g}", f"best {objective.metric}", f"job {best.job:04d}: {given}")
    )
    if board.groups:
        group = board.groups[0]
        spread = f" ± {group.deviation:.2g}" if group.deviation is not None else ""
        facts.insert(1, (f"{group.mean:.4g}{spread}", "best mean over seeds", f"{group.num_seeds} seeds"))
    return facts


def _columns(board: Leaderboard) -> list[str]:
    values = [head for each in board.objectives for head in (f"best {each.metric}", "at step", "last")]
    return [
        "job",
        *values,
        *(short(key, board.parameters) for key in board.parameters),
        "state",
        "steps",
        "time",
    ]


def _row(row: boards.Row, board: Leaderboard, link: Link) -> Row:
    cells = [Cell(f"{row.job:04d}", row.job, link=link(RunFolder(row.run)))]
    for each in row.reached:
        cells += [
            number(each.best if each else None, best=row.is_best),
            number(each.best_step if each else None, str),
            number(each.last if each else None),
        ]
    cells += [_parameter(row.parameters.get(key)) for key in board.parameters]
    share = min(1.0, row.steps / row.max_steps) if row.max_steps and row.state == "running" else None
    remark = "; ".join(filter(None, [row.reason, *row.notes])) or None
    state = Cell(row.state, row.state, state=True, remark=remark)
    return Row(
        str(row.job), [*cells, state, number(row.steps, str)._replace(share=share), _seconds(row.seconds)]
    )


def _seconds(seconds: float) -> Cell:
    return number(seconds or None, numbers.duration)


def _parameter(value: Value | None) -> Cell:
    if value is None or isinstance(value, str):
        return Cell(value or "", value or "")
    return number(value, lambda given: f"{given:.4g}")


def _group_columns(board: Leaderboard) -> list[str]:
    keys = [key for key in board.parameters if key != SEED]
    return [
        f"mean {board.objectives[0].metric}",
        "standard deviation",
        "seeds",
        *(short(key, keys) for key in keys),
    ]


def _group(index: int, group: Group, board: Leaderboard) -> Row:
    keys = [key for key in board.parameters if key != SEED]
    values = [number(group.mean, best=group.is_best), number(group.deviation), number(group.num_seeds, str)]
    return Row(str(index), [*values, *(_parameter(group.parameters.get(key)) for key in keys)])


def _commands(path: Path) -> list[tuple[str, str]]:
    sweep = shlex.quote(os.fspath(path))
    words: Mapping[str, str] = {
        "status": "where its jobs are",
        "leaderboard": "its table",
        "resume": "go on where it stopped",
        "retry": "failed jobs once more",
        "report": "write this page again",
    }
    return [(what, f"gpt-exp sweep {action} {sweep}") for action, what in words.items()]


def _end(run: RunFolder) -> str:
    """The last that a job printed."""
    return end(run.console, NUM_LOG_BYTES) if run.has(run.console) else ""
