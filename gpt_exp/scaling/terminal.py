"""What a scaling study found, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from gpt_exp.page.numbers import count, rounded
from gpt_exp.scaling.findings import Findings, Prediction, Recommendation


def show(findings: Findings, console: Console) -> None:
    """The law, measured and predicted loss of each run, the best use of budgets; how far off it was."""
    fitted, level = len(findings.study.fitted), f"{findings.level:.0%}"
    law = findings.law
    console.print(
        f"L(N, D) = {law.E:.4g} + {law.A:.4g} / N^{law.alpha:.3f} + {law.B:.4g} / D^{law.beta:.3f}"
        f"   ({fitted} runs; N counts {findings.counted.replace('_', ' ')} parameters)",
        highlight=False,
    )
    for table in (_law(findings, level), _runs(findings, level), _budgets(findings.recommendations, level)):
        console.print()
        console.print(table)
    console.print()
    for remark in findings.remarks:
        console.print(f"note: {remark}", highlight=False)
    for each in findings.held_out:
        console.print(held_out_line(each, level), highlight=False, soft_wrap=True)


def held_out_line(each: Prediction, level: str) -> str:
    """A held-out run's prediction, and how far off it was."""
    side = "inside" if each.is_inside else "outside"
    return (
        f"held out {each.run.name} ({count(each.run.N)} parameters, {count(each.run.D)} tokens): predicted "
        f"{each.loss:.4f} [{each.low:.4f}, {each.high:.4f}], measured {each.run.loss:.4f}, off by "
        f"{each.error:+.4f} nats ({each.percent:+.2f} %), {side} the {level} interval"
    )


def _law(findings: Findings, level: str) -> Table:
    table = _table("", "value", f"{level} interval", "")
    for each in findings.parameters:
        remark = "" if each.is_determined else "not determined by these runs"
        table.add_row(each.name, rounded(each.value), f"{rounded(each.low)} to {rounded(each.high)}", remark)
    return table


def _runs(findings: Findings, level: str) -> Table:
    table = _table("run", "parameters", "tokens", "measured", "predicted", f"{level} interval", "off by", "")
    for each in findings.predictions:
        table.add_row(
            each.run.name,
            count(each.run.N),
            count(each.run.D),
            f"{each.run.loss:.4f}",
            f"{each.loss:.4f}",
            f"{each.low:.3f} to {each.high:.3f}",
            f"{each.error:+.4f} ({each.percent:+.2f} %)",
            "held out" if each.is_held_out else "",
        )
    return table


def _budgets(recommendations: Sequence[Recommendation], level: str) -> Table:
    columns = ("FLOPs", "parameters", "tokens", "tokens per parameter", "loss", f"{level} interval", "option")
    table = _table(*columns)
    for each in recommendations:
        table.add_row(
            f"{each.flops:.1e}",
            count(each.N),
            count(each.D),
            rounded(each.tokens_per_parameter),
            f"{each.loss:.3f}",
            f"{each.loss_interval[0]:.3f} to {each.loss_interval[1]:.3f}",
            f"{each.option.name} ({count(each.option.N)})" if each.option else "",
        )
    return table


def _table(*columns: str) -> Table:
    """Names to the left, numbers to the right."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for index, column in enumerate(columns):
        is_text = index == 0 or column in ("", "option")
        table.add_column(column, justify="left" if is_text else "right")
    return table
