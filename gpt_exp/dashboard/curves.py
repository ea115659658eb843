"""The curves of the runs that are chosen on the first page, on top of each other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from gpt_exp.dashboard.follow import Kept
from gpt_exp.dashboard.run_entry import RunEntry
from gpt_exp.page import compare, comparison, figures, run
from gpt_exp.page.comparison import Compared
from gpt_exp.run.folder import RunFolder
from gpt_exp.run.lines import Metrics, read_metrics, thin

MOST = 60  # Runs: more can't be told apart.
NUM_KEPT = 2 * MOST  # Files, between two refreshes.
MAX_RECORDS = 1000  # Of a file: more than a figure of many runs shows.
NUM_FIGURES = 3  # So that the table is not far; the comparison has all of them.


class Curves:
    """Reads the metrics of chosen runs, those of a finished one once."""

    def __init__(self) -> None:
        self._kept: Kept[Metrics] = Kept(NUM_KEPT)

    def figures(self, chosen: Sequence[RunEntry]) -> dict[str, str]:
        """By heading, as a page takes them."""
        if not chosen:
            return {}
        runs = [self._run(name, each) for name, each in zip(names(chosen), chosen, strict=True)]
        drawn = compare.figures(runs) if len(runs) > 1 else run.figures(runs[0].metrics, runs[0].speed)
        shown = dict(islice(drawn.items(), NUM_FIGURES))
        for figure in islice(shown.values(), 1, None):
            figure.update_layout(showlegend=False)  # It is in the first.
        return {heading: figures.to_json(figure) for heading, figure in shown.items()}

    def _run(self, name: str, chosen: RunEntry) -> Compared:
        folder = RunFolder(chosen.path)
        return Compared(name, folder, {}, self._records(folder.metrics), self._records(folder.speed), {})

    def _records(self, path: Path) -> Metrics:
        return self._kept.get(str(path), _thinned, [])


def names(runs: Sequence[RunEntry]) -> list[str]:
    """What sets their command lines apart, where that is another thing for each; else also their folders."""
    shared = set.intersection(*(set(each.overrides) for each in runs))
    own = [" ".join(text for text in each.overrides if text not in shared) for each in runs]
    ends = comparison.names([Path(each.path) for each in runs])
    if len(set(own)) == len(own):
        return [text or end for text, end in zip(own, ends, strict=True)]
    return [f"{end} {text}".strip() for end, text in zip(ends, own, strict=True)]


def _thinned(path: str) -> Metrics:
    """Every n-th record, and all validations, which are few."""
    records = read_metrics(Path(path))
    kept = {id(record) for record in thin(records, MAX_RECORDS)}
    return [each for each in records if id(each) in kept or any(key.startswith("val/") for key in each)]
