"""From a page to the pages of runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from gpt_exp.run.folder import RunFolder

Link = Callable[[RunFolder], str | None]  # The address of a run's own page where there is one.


def to_reports(place: Path) -> Link:
    """For a page that is written in `place`: the reports that have been written."""

    def link(run: RunFolder) -> str | None:
        return quote(os.path.relpath(run.report, place)) if run.report.is_file() else None

    return link
