"""The checkpoints of a run that are the best of something, in rows."""

from __future__ import annotations

from gpt_exp.page.table import Cell, Row, number
from gpt_exp.run.folder import RunFolder
from gpt_exp.run.summary import result

COLUMNS = ("checkpoint", "metric", "value", "step")


def best_rows(folder: RunFolder) -> list[Row]:
    """By the names that `checkpoint=` takes: the best by `monitor` first, then that of each task."""
    return [
        Row(
            name,
            [
                Cell(name, name),
                Cell(str(best.get("metric", ""))),
                number(result(best, "value")),
                number(result(best, "step"), str),
            ],
        )
        for name, best in folder.bests().items()
    ]
