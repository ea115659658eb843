"""gpt-exp interference: each task alone against all together, as a table, files and a page."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig
from rich.console import Console

from gpt_exp.errors import UserError
from gpt_exp.interference.findings import KEY, analyse, save
from gpt_exp.interference.study import read
from gpt_exp.interference.terminal import show
from gpt_exp.page.interference import write_interference_page
from gpt_exp.page.place import default_page, keep_others_files


def main(config: DictConfig, overrides: list[str]) -> None:
    """Print the findings, and write the page with a JSON and a CSV file of its name."""
    check(config)
    runs = list(config.runs)
    page = Path(config.page) if config.page else default_page(runs, "interference.html")
    keep_others_files(page, KEY, "study of interference")
    findings = analyse(read(runs, evaluated=config.evaluated))
    console = Console(width=None if Console().is_terminal else 140, highlight=False)
    show(findings, console)
    save(findings, page)
    console.print(f"page: {write_interference_page(findings, page)}", soft_wrap=True)


def check(config: DictConfig) -> None:
    """UserError, a line, for what is no path."""
    runs, page = config.runs, config.page
    if not runs or not all(isinstance(path, str) for path in runs):
        example = "gpt-exp interference outputs/sweeps/NAME/TIME"
        raise UserError(f"runs={runs}: the folder of a sweep, or of runs, as in {example}")
    if page is not None and not (isinstance(page, str) and Path(page).suffix == ".html"):
        raise UserError(f"page={page}: the page is an .html file")
