"""The table of a sweep on the console."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gpt_exp.page.numbers import duration, rounded
from gpt_exp.sweep.console.display import COLORS
from gpt_exp.sweep.leaderboard import Leaderboard, Row
from gpt_exp.sweep.seeds import SEED, Value

MAX_ROWS = 40
DISPENSABLE = ("time", "last", "at step", "steps")  # In this order, where there is no room.


def print_board(board: Leaderboard, console: Console) -> None:
    """The jobs, best first; means over seeds; remarks and failures with their reasons, a line each."""
    console.print(_fitting(board, console))
    if (left := len(board.rows) - MAX_ROWS) > 0:
        console.print(f"... and {left} more: format=csv", style="dim")
    if board.groups:
        console.print(_groups(board))
    for remark in board.remarks:
        console.print(Text(remark, "yellow"), soft_wrap=True)
    for row in board.rows:
        if row.state == "failed":
            console.print(
                Text.assemble(f"{row.job:04d} ", ("failed", "red"), f": {row.reason}"), soft_wrap=True
            )
        for note in row.notes:
            console.print(f"{row.job:04d} ran with {note}", soft_wrap=True)


def _fitting(board: Leaderboard, console: Console) -> Table:
    """With as many columns as there is room for."""
    roomy = console.options.update(width=10_000)
    for left_out in range(len(DISPENSABLE) + 1):
        table = _jobs(board, DISPENSABLE[:left_out])
        if console.measure(table, options=roomy).maximum <= console.width:
            break
    return table


def _jobs(board: Leaderboard, left_out: Sequence[str] = ()) -> Table:
    table = Table(box=None, padding=(0, 1), header_style="dim")
    table.add_column("job", no_wrap=True)
    for objective in board.objectives:
        table.add_column(f"{objective.metric}\nbest", justify="right", no_wrap=True)
        for heading, what in (("at step\n", "at step"), ("\nlast", "last")):
            if what not in left_out:
                table.add_column(heading, justify="right", no_wrap=True)
    for key in board.parameters:
        table.add_column(short(key, board.parameters), justify="right", overflow="fold")
    for heading in ("state", "steps", "time"):
        if heading not in left_out:
            table.add_column(heading, justify="right" if heading != "state" else "left", no_wrap=True)
    for row in board.rows[:MAX_ROWS]:
        table.add_row(*_cells(row, board, left_out), style="bold" if row.is_best else "")
    return table


def _cells(row: Row, board: Leaderboard, left_out: Sequence[str]) -> list[str | Text]:
    cells: list[str | Text] = [f"{row.job:04d}"]
    for each in row.reached:
        told = {"at step": str(each.best_step or ""), "last": _four(each.last)} if each else {}
        cells.append(_four(each.best) if each else "")
        cells += [told.get(what, "") for what in ("at step", "last") if what not in left_out]
    cells += [spelt(row.parameters.get(key)) for key in board.parameters]
    steps = f"{row.steps}/{row.max_steps}" if row.max_steps else str(row.steps or "")
    cells.append(Text(row.state, style=COLORS.get(row.state, "")))
    return cells + [
        text for what, text in (("steps", steps), ("time", duration(row.seconds))) if what not in left_out
    ]


def _groups(board: Leaderboard) -> Table:
    metric = board.objectives[0].metric
    keys = [key for key in board.parameters if key != SEED]
    table = Table(box=None, padding=(0, 1), header_style="dim")
    for heading in (f"mean {metric}", "std", "seeds", *(short(key, keys) for key in keys)):
        table.add_column(heading, justify="right")
    for group in board.groups:
        spread = _four(group.deviation) if group.deviation is not None else ""
        cells = (_four(group.mean), spread, str(group.num_seeds))
        parameters = (spelt(group.parameters.get(key)) for key in keys)
        table.add_row(*cells, *parameters, style="bold" if group.is_best else "")
    return table


def short(key: str, keys: Sequence[str]) -> str:
    """The last part of a dotted key, where that is enough to tell it from the others."""
    name = key.rpartition(".")[2]
    return name if sum(other.rpartition(".")[2] == name for other in keys) == 1 else key


def spelt(value: Value | None) -> str:
    """A parameter's value, with four digits of what a search has drawn."""
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _four(value: float) -> str:
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1e3 else rounded(value)
