"""gpt-exp report: write a run's report.html again, also of a run that is under way or that failed."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from gpt_exp.errors import UserError
from gpt_exp.page.run import write_report


def main(config: DictConfig, overrides: list[str]) -> None:
    if not isinstance(config.run, str):
        raise UserError(f"run={config.run}: a run's folder, such as outputs/demo/A")
    print(write_report(Path(config.run)))
