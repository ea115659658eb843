"""gpt-exp report: write a run's report.html again, also of a run that is under way or that failed."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from gpt_exp.page.run import write_report


def main(config: DictConfig, overrides: list[str]) -> None:
    print(write_report(Path(config.run)))
