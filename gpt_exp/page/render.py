"""Pages from templates: one file each that opens offline, or what the dashboard serves."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gpt_exp.page import numbers
from gpt_exp.run import durable

SCRIPT = "plotly.min.js"  # Beside every page; the dashboard has an address of its own for it.


def render(template: str, **contents: Any) -> str:
    """A page of `gpt_exp/page/<template>`; base.html.j2 tells what every page must be given."""
    return _templates().get_template(template).render(**contents)


def write_page(path: Path, cache: Path | None, template: str, **contents: Any) -> Path:
    """Write a page for a disk, and Plotly's script beside it (kept once in `cache`); returns its path."""
    place_script(path.parent, cache)
    durable.write_file(path, render(template, **{"script": SCRIPT, "live": None, **contents}))
    return path


def place_script(folder: Path, cache: Path | None) -> None:
    """Plotly's 4.6 MB stand once in the cache; `folder` has a hard link to them where the disk can."""
    from plotly.offline import get_plotlyjs

    here = folder / SCRIPT
    if here.exists():
        return
    if cache is None or not cache.parent.is_dir():  # Relative, and written down in another working folder.
        cache = folder
    try:
        cached = cache / SCRIPT
        if not cached.exists():
            durable.write_file(cached, get_plotlyjs())
        if cached != here:
            os.link(cached, here)
    except OSError:  # Another filesystem, a cache that can't be written, or another process was faster.
        if not here.exists():
            durable.write_file(here, get_plotlyjs())


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for form in (numbers.count, numbers.duration, numbers.rounded, numbers.size, numbers.ago):
        templates.filters[form.__name__] = form
    return templates
