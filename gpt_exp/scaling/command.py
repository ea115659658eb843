"""gpt-exp scaling: the loss law of runs of several sizes and budgets, as tables and as a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig, ListConfig
from rich.console import Console

from gpt_exp.errors import UserError
from gpt_exp.page.place import default_page, keep_others_files
from gpt_exp.page.scaling import write_scaling_page
from gpt_exp.scaling.findings import analyse, save
from gpt_exp.scaling.study import read
from gpt_exp.scaling.terminal import show


def main(config: DictConfig, overrides: list[str]) -> None:
    """Print the findings, and write the page and a JSON file of its name."""
    check(config)
    runs = _listed(config.runs)
    holdout = _listed(config.holdout) if isinstance(config.holdout, ListConfig) else config.holdout
    page = Path(config.page) if config.page else default_page(runs, "scaling.html")
    keep_others_files(page, "law", "scaling study")
    study = read(runs, holdout, config.parameters)
    console = Console(width=None if Console().is_terminal else 120)
    with console.status(f"fitting {config.bootstrap} laws"):
        findings = analyse(
            study,
            parameters=config.parameters,
            flops=[float(each) for each in _listed(config.flops)],
            bootstrap=config.bootstrap,
            level=config.level,
            seed=config.seed,
            delta=config.delta,
        )
    show(findings, console)
    save(findings, page.with_suffix(".json"))
    console.print(f"page: {write_scaling_page(findings, page)}", soft_wrap=True, highlight=False)


def check(config: DictConfig) -> None:
    """UserError for a value that makes no study."""
    if not config.runs:
        raise UserError("scaling needs the folder of a sweep, or of runs: gpt-exp scaling outputs/sweeps/...")
    if not 0 < config.level < 1:
        raise UserError(f"level={config.level}: it is a part of the cases, between 0 and 1, such as 0.9")
    if config.delta <= 0:
        raise UserError(f"delta={config.delta}: it is above 0, such as 1e-3 or 0.1")
    if config.bootstrap < 20:
        raise UserError(f"bootstrap={config.bootstrap}: an interval needs at least 20 laws, better 200")
    if any(float(flops) <= 0 for flops in _listed(config.flops)):
        raise UserError(f"flops={config.flops}: a budget is above 0")
    if config.page and Path(config.page).suffix != ".html":
        raise UserError(f"page={config.page}: the page is an .html file")


def _listed(value: ListConfig | Sequence[object] | object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, ListConfig | list | tuple) else [str(value)]
