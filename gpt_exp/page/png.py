"""The figures of a sweep as PNG files, for papers: black on white."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from gpt_exp.errors import UserError
from gpt_exp.page.sweep_figures import sweep_figures
from gpt_exp.sweep.folder import SweepFolder
from gpt_exp.sweep.leaderboard import leaderboard

SIZE = {"format": "png", "width": 900, "height": 520, "scale": 2}  # Twice the pixels: 1800 x 1040.
ON_PAPER = {
    "paper_bgcolor": "white",
    "plot_bgcolor": "white",
    "font": {"family": "Helvetica, Arial, sans-serif", "size": 15, "color": "#1f2937"},
    "margin": {"l": 90, "r": 40, "t": 50, "b": 70},
}


def write_figures(folder: SweepFolder) -> list[Path]:
    """Write `figures/*.png` of a sweep; raises UserError where kaleido, or a browser for it, is missing."""
    try:
        import kaleido
    except ImportError:
        raise UserError("png=true needs pip install 'gpt-exp[png]', and Chromium or Chrome") from None
    folder.figures.mkdir(exist_ok=True)
    drawn = {
        folder.figures / f"{_file_name(heading)}.png": figure.update_layout(ON_PAPER)
        for heading, figure in sweep_figures(leaderboard(folder)).items()
    }
    page = kaleido.PageGenerator(mathjax=False)  # Its default would be loaded from the network.
    try:
        kaleido.write_fig_from_object_sync(
            [_task(path, figure) for path, figure in drawn.items()], kopts={"page_generator": page}
        )
    except Exception as error:
        if "Chrome" in type(error).__name__ or "Chrome" in str(error):
            raise UserError("png=true needs Chromium or Chrome; BROWSER_PATH=... says where it is") from error
        raise
    return list(drawn)


def _task(path: Path, figure: go.Figure) -> dict[str, Any]:
    return {"fig": figure, "path": str(path), "opts": SIZE}


def _file_name(heading: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "_", heading.lower()).strip("_")
