"""What a study of interference found: each task together with the others, by itself, and their gradients."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any, NamedTuple

from gpt_exp.interference.run import Run
from gpt_exp.interference.study import Group, Study
from gpt_exp.run import durable
from gpt_exp.run.cosines import Pair, Points, by_pair, means

KEY = "interference"  # Of the JSON file, by which it is known.
MOST_DIFFERENCE = 0.05  # Between the examples of a task alone and together, without a word.


class Spread(NamedTuple):
    """A number over seeds."""

    mean: float
    deviation: float | None  # Of the sample; None for one seed.
    num_seeds: int


class Row(NamedTuple):
    """A task under one setting, alone and together."""

    setting: str
    task: str
    metric: str
    split: str
    more_is_better: bool
    alone: Spread
    together: Spread
    examples_alone: float | None
    examples_together: float | None
    steps_alone: float
    steps_together: float
    hows: tuple[str, ...] = ()  # The answers were made.

    @property
    def ratio(self) -> float | None:
        """Together by alone, or alone by together where less is better: below 1, the others did harm.

        None where that says nothing: the lower of the two is 0, or one is not a number.
        """
        values = self.together.mean, self.alone.mean
        above, below = values if self.more_is_better else reversed(values)
        return above / below if below and math.isfinite(above) and math.isfinite(below) else None


class Findings(NamedTuple):
    study: Study
    rows: list[Row]
    cosines: dict[str, list[dict[Pair, Points]]]  # Of each run together, by its setting's label.
    remarks: list[str]

    def mean_ratio(self, setting: str) -> float | None:
        """Over the tasks whose ratio is known."""
        known = [row.ratio for row in self.rows if row.setting == setting and row.ratio is not None]
        return mean(known) if known else None

    @property
    def settings(self) -> list[str]:
        return [group.label for group in self.study.groups]


def analyse(study: Study) -> Findings:
    """Means over seeds of what each task is judged by, and the cosines of the runs together."""
    rows = [row for group in study.groups for task in group.tasks if (row := compare(group, task))]
    judged = {row.task for row in rows}
    without = [task for group in study.groups for task in group.tasks if task not in judged]
    remarks = [f"{task} is left out: its runs share no figure" for task in dict.fromkeys(without)]
    unlike = [row for row in rows if len(row.hows) > 1]
    remarks += [f"answers to {row.task} were not made alike: {'; '.join(row.hows)}" for row in unlike]
    cosines = {group.label: [by_pair(run.metrics) for run in group.together] for group in study.groups}
    return Findings(study, rows, cosines, [*study.remarks, *remarks, *_told(rows)])


def compare(group: Group, task: str) -> Row | None:
    """None where the runs have no figure of one name on one split."""
    alone, together = group.alone[task], group.together
    figures = [run.figures.get(task) for run in (*alone, *together)]
    first = figures[0]
    if first is None or any(each is None or each[:2] != first[:2] for each in figures):
        return None
    return Row(
        group.label,
        task,
        first.name,
        first.split,
        first.more_is_better,
        _figures(alone, task),
        _figures(together, task),
        _examples(alone, task),
        _examples(together, task),
        mean(run.step for run in alone),
        mean(run.step for run in together),
        tuple(sorted({each.how for each in figures if each is not None})),
    )


def spread(values: Sequence[float]) -> Spread:
    """Not a number where one of them is none."""
    if not all(map(math.isfinite, values)):
        return Spread(math.nan, None, len(values))
    return Spread(mean(values), stdev(values) if len(values) > 1 else None, len(values))


def _figures(runs: Sequence[Run], task: str) -> Spread:
    return spread([run.figures[task].value for run in runs])


def _examples(runs: Sequence[Run], task: str) -> float | None:
    known = [seen for run in runs if (seen := run.examples(task)) is not None]
    return mean(known) if known else None


def _told(rows: Sequence[Row]) -> list[str]:
    """What a reader should know before believing the rows, with the tasks that it is about."""
    found = {
        "no ratio, for a figure is 0 or no number": [row for row in rows if row.ratio is None],
        "other steps alone than together": [row for row in rows if row.steps_alone != row.steps_together],
        f"examples alone and together differ by more than {MOST_DIFFERENCE:.0%}": [
            row for row in rows if _differs(row.examples_alone, row.examples_together)
        ],
    }
    return [f"{what}: {', '.join(dict.fromkeys(r.task for r in own))}" for what, own in found.items() if own]


def _differs(alone: float | None, together: float | None) -> bool:
    """A step alone has whole examples, and so not always the mixture's share of them."""
    if alone is None or not together:
        return False
    return abs(alone / together - 1) > MOST_DIFFERENCE


def save(findings: Findings, path: Path) -> None:
    """The numbers for other programs: as JSON, and the rows as CSV beside it."""
    durable.write_file(path.with_suffix(".json"), json.dumps(as_dict(findings), indent=1) + "\n")
    rows, text = [_flat(row) for row in findings.rows], io.StringIO()
    writer = csv.DictWriter(text, fieldnames=rows[0].keys() if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    durable.write_file(path.with_suffix(".csv"), text.getvalue())


def as_dict(findings: Findings) -> dict[str, Any]:
    return {
        KEY: [_flat(row) for row in findings.rows],
        "mean_ratios": {setting: findings.mean_ratio(setting) for setting in findings.settings},
        "cosines": [
            {"setting": setting, "tasks": list(pair), "mean": cosine}
            for setting, runs in findings.cosines.items()
            for pair, cosine in means(runs).items()
        ],
        "runs": [
            {"run": str(run.folder.path), "only": run.only, "seed": run.seed} for run in findings.study.runs
        ],
        "remarks": findings.remarks,
    }


def _flat(row: Row) -> dict[str, Any]:
    """JSON knows no NaN."""
    values = row._asdict()
    for name in ("alone", "together"):
        each = values.pop(name)
        values |= {f"{name}_{key}": value for key, value in each._asdict().items()}
    values |= {"hows": "; ".join(row.hows), "ratio": row.ratio}
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in values.items()}
