"""What an evaluation found, as tables for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from gpt_exp.evaluation.judged import summary_file
from gpt_exp.run.folder import read_json

Results = dict[str, dict[str, float]]  # By split, then by metric.


def tell(folder: Path, results: Results) -> None:
    """Print a table: of records a figure a row with its interval, of text a split a row; of nothing none."""
    if not results:
        return
    known = read_json(summary_file(folder))
    if not all(_is_judged(known.get(split, {}), values) for split, values in results.items()):
        print_results(results)
        return
    found = table("split", "figure", "value", "95 % interval")
    for split, values in results.items():
        intervals = known[split].get("intervals", {})
        for number, (name, value) in enumerate(values.items()):
            interval = "{:.4g} to {:.4g}".format(*intervals[name]) if name in intervals else ""
            found.add_row("" if number else split, name.replace("_", " "), f"{value:.4g}", interval)
    Console().print(found)
    print(f"predictions and page: {folder / 'evaluation.html'}")


def _is_judged(entry: Mapping[str, Any], values: Mapping[str, float]) -> bool:
    """Whether values hold the figures of answers, which a text has not."""
    figures = entry.get("figures", {})
    return bool(figures) and figures.keys() <= values.keys()


def print_results(results: Results) -> None:
    """A row a split; only bits per byte can be compared with the compressors."""
    columns = list(dict.fromkeys(name for values in results.values() for name in values))
    found = table("split", *(name.replace("_", " ") for name in columns))
    for split, values in results.items():
        found.add_row(split, *(f"{values[name]:.4f}" if name in values else "" for name in columns))
    Console().print(found)


def tell_differences(title: str, differences: Mapping[str, Mapping[str, float]]) -> None:
    """Print what a paired bootstrap found, a figure a row."""
    print(title)
    found = table("figure", "difference", "95 % interval", "p")
    for name, each in differences.items():
        interval = f"{each['low']:+.4f} to {each['high']:+.4f}"
        found.add_row(
            name.replace("_", " "), f"{each['difference']:+.4f}", interval, f"{each['p_value']:.3f}"
        )
    Console().print(found)


def table(first: str, *others: str) -> Table:
    """One whose names stand at the left and whose numbers at the right."""
    found = Table(box=None, header_style="bold", pad_edge=False)
    found.add_column(first)
    for name in others:
        found.add_column(name, justify="left" if name == "figure" else "right")
    return found
