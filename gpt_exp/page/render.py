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
    """Plotly's 4.6 MB stand once in the cache, where there is one; `folder` has a hard link to them."""
    from plotly import __version__
    from plotly.offline import get_plotlyjs

    here, script = folder / SCRIPT, get_plotlyjs().encode()
    if here.exists() and here.read_bytes() == script:
        return
    cached = cache / f"plotly-{__version__}.min.js" if cache is not None and cache.is_dir() else None
    if cached is None or not _is_linked(here, cached, script):
        durable.write_file(here, script)


def _is_linked(here: Path, cached: Path, script: bytes) -> bool:
    """Link it; False on another filesystem, or with a cache that can't be written."""
    try:
        if not cached.exists():
            durable.write_file(cached, script)
        here.unlink(missing_ok=True)
        os.link(cached, here)
    except OSError:
        return False
    return True


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=lambda name: not (name or "").endswith(".md.j2"),  # Markdown is no HTML.
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["duration"] = numbers.duration
    return templates
