"""From a page to the pages of runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from gpt_exp.run.folder import RunFolder
from gpt_exp.sweep.folder import SweepFolder

Link = Callable[[RunFolder], str | None]  # The address of a run's own page where there is one.


def to_reports(place: Path) -> Link:
    """For a page that is written in `place`: the reports that have been written."""

    def link(run: RunFolder) -> str | None:
        return quote(os.path.relpath(run.report, place)) if run.report.is_file() else None

    return link


def called(path: Path) -> tuple[str, str]:
    """NAME and TIME of a folder under outputs; a sweep's job has its number with its time."""
    if SweepFolder(path.parent).asked_file.exists():
        return path.parts[-3], f"{path.parts[-2]} job {path.parts[-1]}"
    return path.parts[-2], path.parts[-1]
