"""A scaling study on one page: the law through its runs, how it predicts, what it advises."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gpt_exp.page.figures import to_json
from gpt_exp.page.links import to_reports
from gpt_exp.page.numbers import count, rounded
from gpt_exp.page.render import write_page
from gpt_exp.page.scaling_figures import figures
from gpt_exp.page.table import Cell, Row, number
from gpt_exp.scaling.findings import Findings, Parameter, Prediction, Recommendation

TEMPLATE = "scaling.html.j2"
NUM_HELD_OUT = 3  # Facts of a headline.
MEANINGS = {
    "E": "no model and no text gets below this loss",
    "A": "of the parameters' term",
    "B": "of the tokens' term",
    "alpha": "how fast parameters help",
    "beta": "how fast tokens help",
}


def write_scaling_page(findings: Findings, path: Path) -> Path:
    """Write the page, and Plotly's script beside it; returns its path."""
    cache = findings.study.runs[0].folder.cache()
    return write_page(path, cache, TEMPLATE, **contents(findings, path.absolute().parent))


def contents(findings: Findings, place: Path) -> dict[str, Any]:
    """What the template is given; links lead from `place` to the runs' own pages."""
    return {
        "title": f"Scaling law of {len(findings.study.fitted)} runs",
        "facts": facts(findings),
        "remarks": findings.remarks,
        "figures": {heading: to_json(figure) for heading, figure in figures(findings).items()},
        "level": f"{findings.level:.0%}",
        "counted": "all parameters" if findings.counted == "total" else "parameters without embeddings",
        "law": law_rows(findings),
        "runs": run_rows(findings, place),
        "budgets": budget_rows(findings.recommendations),
    }


def facts(findings: Findings) -> list[tuple[str, str, str]]:
    """The headline: how far off the held-out runs were, and the law."""
    by_name = {each.name: each for each in findings.parameters}
    return [
        *_held_out_facts(findings.held_out),
        *(
            (rounded(each.value), each.name, f"{rounded(each.low)} to {rounded(each.high)}")
            for each in map(by_name.__getitem__, ("E", "alpha", "beta"))
        ),
        (
            str(len(findings.study.fitted)),
            "runs fitted",
            f"up to {count(max(r.N for r in findings.study.fitted))}",
        ),
    ]


def _held_out_facts(held_out: Sequence[Prediction]) -> list[tuple[str, str, str]]:
    """One by one as far as there is room; the others by how far off they were at most."""
    shown, others = held_out[:NUM_HELD_OUT], held_out[NUM_HELD_OUT:]
    facts = [_held_out_fact(each) for each in shown]
    if others:
        worst = max((each.percent for each in others), key=abs)
        facts.append((f"{worst:+.1f} %", f"off at most, {len(others)} more held out", "in the table of runs"))
    return facts


def _held_out_fact(each: Prediction) -> tuple[str, str, str]:
    measured = f"{each.loss:.3f} [{each.low:.3f}, {each.high:.3f}] predicted, {each.run.loss:.3f} measured"
    return f"{each.percent:+.1f} %", f"off at {count(each.run.N)}, held out", measured


def law_rows(findings: Findings) -> list[Row]:
    return [Row(each.name, _law_cells(each)) for each in findings.parameters]


def _law_cells(each: Parameter) -> list[Cell]:
    remark = None if each.is_determined else "not determined by these runs"
    interval = Cell(f"{rounded(each.low)} to {rounded(each.high)}")
    return [Cell(each.name, remark=MEANINGS[each.name]), number(each.value), interval._replace(remark=remark)]


def run_rows(findings: Findings, place: Path) -> list[Row]:
    return [Row(each.run.name, _run_cells(each, place)) for each in findings.predictions]


def _run_cells(each: Prediction, place: Path) -> list[Cell]:
    run = each.run
    inside = "inside" if each.is_inside else "outside"
    return [
        Cell(run.name, link=to_reports(place)(run.folder), remark="held out" if each.is_held_out else None),
        number(run.N, count),
        number(run.D, count),
        number(run.loss, "{:.4f}".format),
        number(each.loss, "{:.4f}".format),
        Cell(f"{each.low:.3f} to {each.high:.3f}", remark=inside if each.is_held_out else None),
        number(each.error, "{:+.4f}".format),
        number(each.percent, "{:+.2f} %".format),
    ]


def budget_rows(recommendations: Sequence[Recommendation]) -> list[Row]:
    return [Row(f"{each.flops:.3g}", _budget_cells(each)) for each in recommendations]


def _budget_cells(each: Recommendation) -> list[Cell]:
    return [
        Cell(f"{each.flops:.1e}", each.flops),
        number(each.N, count)._replace(remark=_range(each.N_interval)),
        number(each.D, count)._replace(remark=_range(each.D_interval)),
        number(each.tokens_per_parameter),
        number(each.loss, "{:.3f}".format)._replace(
            remark=f"{each.loss_interval[0]:.3f} to {each.loss_interval[1]:.3f}"
        ),
        Cell(each.option.name, remark=count(each.option.N)) if each.option else Cell(""),
    ]


def _range(interval: tuple[float, float]) -> str:
    return f"{count(interval[0])} to {count(interval[1])}"
