"""Where the page of a study of runs goes, and what it may replace there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from gpt_exp.errors import UserError
from gpt_exp.run.folder import read_json


def default_page(runs: Sequence[str], name: str) -> Path:
    """In the one folder that is given (a sweep's), else in the deepest that holds all of them."""
    folder = (
        Path(runs[0]) if len(runs) == 1 else Path(os.path.commonpath([Path(run).resolve() for run in runs]))
    )
    return folder / name


def keep_others_files(page: Path, key: str, study: str) -> None:
    """UserError where the page or its JSON file, which has this key, would replace another's."""
    numbers = page.with_suffix(".json")
    if key in read_json(numbers):
        return
    for file in (page, numbers):
        if file.exists():
            raise UserError(f"page={page}: {file} is there already and is no {study}'s")
