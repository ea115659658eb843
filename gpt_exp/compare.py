"""gpt-exp compare: what sets runs apart, and what they reached, in the terminal and as a page."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gpt_exp.errors import UserError
from gpt_exp.page import comparison, differences
from gpt_exp.page.comparison import Compared, Result
from gpt_exp.run.folder import RunFolder
from gpt_exp.sweep.folder import SweepFolder

NAME_WIDTH = 26  # Of the first column, in characters.
MIN_WIDTH = 17  # Of a run's column: narrower ones go below each other.
SAMPLE_LENGTH = 240  # Characters of what a run wrote; the page has all.
# Control characters, but for the end of a line and the tab: they would colour, move, rename.
VISIBLE = dict.fromkeys({*range(0x20), *range(0x7F, 0xA0)} - {ord("\n"), ord("\t")}, "�")

Row = tuple[str, list[Text]]  # What it is, and of each run.


def main(config: DictConfig, overrides: list[str]) -> None:
    check(config)
    given = [config.runs] if isinstance(config.runs, str) else config.runs
    runs = comparison.read(folders([Path(path) for path in given]))
    show(Console(), runs)
    if config.page is not None:
        print(f"page: {write(Path(config.page), runs)}")


def check(config: DictConfig) -> None:
    """Raise UserError, a line, for what is no path."""
    runs = config.runs
    is_list = OmegaConf.is_list(runs) and all(isinstance(path, str) for path in runs)
    if not is_list and not isinstance(runs, str):
        raise UserError(f"runs={runs}: run folders, such as outputs/demo/A, as words or as a list")
    if config.page is not None and not (isinstance(config.page, str) and Path(config.page).name):
        raise UserError(f"page={config.page}: a file, such as compare.html, or null for none")
    if config.page is not None and Path(config.page).is_dir():
        raise UserError(f"page={config.page} is a folder: name a file, such as compare.html")


def folders(given: Sequence[Path]) -> list[RunFolder]:
    """The runs at paths that a user gave, where a sweep stands for its finished jobs."""
    found = [folder for path in given for folder in _at(path)]
    seen: set[Path] = set()
    for folder in found:
        if folder.path.resolve() in seen:
            raise UserError(f"runs: {folder.path} is given twice")
        seen.add(folder.path.resolve())
    if len(found) < 2:
        given_text = f"only {found[0].path} is given" if found else "none is given"
        raise UserError(f"runs: a comparison needs two runs or more, and {given_text}")
    return found


def _at(path: Path) -> list[RunFolder]:
    sweep = SweepFolder(path)
    if not sweep.asked_file.is_file():
        return [RunFolder.open(path)]
    managed = sweep.is_managed()
    jobs = [job for job in sweep.jobs() if sweep.state(job, managed=managed) == "finished"]
    if not jobs:
        raise UserError(f"runs: no job of the sweep {path} has finished")
    return [sweep.run(job) for job in jobs]


def write(page: Path, runs: Sequence[Compared]) -> Path:
    """Write the page with everything."""
    from gpt_exp.page.compare import TEMPLATE, contents
    from gpt_exp.page.links import to_reports
    from gpt_exp.page.render import write_page

    link = to_reports(page.absolute().parent)
    return write_page(page, runs[0].folder.cache(), TEMPLATE, **contents(runs, link))


def show(console: Console, runs: Sequence[Compared]) -> None:
    """Tables with a column for each run, as many beside each other as the terminal has room for."""
    names = [run.name for run in runs]
    code = differences.code_differences(runs) + differences.environment_differences(runs)
    results = comparison.results(runs)
    difference = ["difference"] * (len(runs) == 2)
    _print(console, "runs", names, [("folder", [_text(run.folder.path) for run in runs]), _states(runs)])
    _print(console, "config", names, [_marked(row) for row in differences.config_differences(runs)])
    _print(console, "results", names + difference, [_result(row, bool(difference)) for row in results])
    _print(console, "code and machine", names, [_marked(row) for row in code])
    written = [
        (repr(prompt), list(map(_sample, texts))) for prompt, texts in comparison.samples(runs).items()
    ]
    _print(console, "samples", names, written)


def _print(console: Console, title: str, heads: Sequence[str], rows: Sequence[Row]) -> None:
    room = max(1, (console.width - NAME_WIDTH) // MIN_WIDTH)
    beside = ceil(len(heads) / ceil(len(heads) / room))
    for first in range(0, len(heads) if rows else 0, beside):
        shown = slice(first, first + beside)
        table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column(title, max_width=NAME_WIDTH, overflow="fold", style="cyan")
        for head in heads[shown]:
            table.add_column(_text(head), overflow="fold")
        for name, values in rows:
            table.add_row(_text(name), *values[shown])
        console.print(table)
        console.print()
    if not rows:
        console.print(f"{title}: nothing differs\n", highlight=False)


def _states(runs: Sequence[Compared]) -> Row:
    known = [(run.folder.state(), run.folder.status().get("reason")) for run in runs]
    return "state", [_text(f"{state}: {reason}" if reason else state) for state, reason in known]


def _marked(row: differences.Difference) -> Row:
    name = f"{row.name} (runtime)" if row.is_runtime else row.name
    return name, [_text(value, "absent") for value in row.values]


def _result(row: Result, with_change: bool) -> Row:
    best = row.best()
    texts = [Text(text or "", style="bold green" if i in best else "") for i, text in enumerate(row.texts())]
    return row.name, texts + [Text(row.change(), style="dim")] * with_change


def _sample(text: str | None) -> Text:
    if text is not None and len(text) > SAMPLE_LENGTH:
        text = f"{text[:SAMPLE_LENGTH]} ..."
    return _text(text, "nothing")


def _text(value: object, missing: str = "") -> Text:
    """What a run holds, which must not steer the terminal."""
    return Text(missing, style="dim") if value is None else Text(str(value).translate(VISIBLE))
