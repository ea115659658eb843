"""Does the learning rate's optimum hold still over widths? With and without maximal-update parametrisation.

    python benchmarks/width_transfer.py [trainer.max_steps=800 ...] [--outputs FOLDER]
        [--widths 32 64 ...] [--rates 0.001 0.002 ...] [--seeds 1 2 3]

A sweep of `gpt-exp train -m` over seeds, parametrisations, widths and AdamW's learning rates on Python's own
source, four heads at every width; what is finished is not run again. Prints where the mean over seeds is
best, and draws width_transfer.html (Yang et al. 2022, figure 1) and the coordinate check, as PNG too where
kaleido and Chrome are there. About half an hour a seed on one core.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent))
import coordinate_check
import numpy as np
import plotly.graph_objects as go
from coordinate_check import PARAMETRIZATIONS, draw
from plotly.subplots import make_subplots

from gpt_exp.optimizer.adamw import adamw
from gpt_exp.page.figures import PALETTE
from gpt_exp.sweep.folder import SweepFolder
from gpt_exp.sweep.leaderboard import leaderboard

WIDTHS = (32, 64, 128, 256)
LEARNING_RATES = tuple(0.001 * 2**power for power in range(6))
SEEDS = (1, 2, 3)
HEADS = 4
ROOM = 1.0  # Nats above the best loss that are drawn: beyond, training has failed.
JOB = [
    "model=gpt_nano",
    "model.num_layers=2",
    "model.init_std=0.1",  # With 0.02 so narrow a base hardly learns, and the wider ones begin as it does.
    f"model.num_heads={HEADS}",
    "model.context_length=64",
    "tokenizer=bpe_1024",
    "data.without=[encodings]",
    "schedule=cosine",  # At a constant rate, losses jump more than they differ.
    "batch_size=16",
    "trainer.max_steps=400",
    "trainer.val_check_interval=400",
    "split={val_fraction: 0.005, test_fraction: 0}",  # The final evaluation reads all of it.
    "callback=[checkpoint]",
    "logger=none",
    "name=width_transfer",
]

Losses = Mapping[float, float]  # Validation losses by learning rate.
Found = Mapping[str, Mapping[int, Losses]]  # By parametrisation and width.


class Optimum(NamedTuple):
    """Where a curve over learning rates is lowest."""

    rate: float
    loss: float  # Of the best run.
    is_inside: bool  # Whether rates on both sides of the best one are worse.


def optimum(losses: Losses) -> Optimum:
    """The lowest point of the parabola through the best learning rate and its neighbours, on a log scale.

    At the edge, or beside a run that has no finite loss, it is the best run's own.
    """
    rates = sorted(losses)
    best = min(rates, key=lambda rate: losses[rate] if math.isfinite(losses[rate]) else math.inf)
    index = rates.index(best)
    near = rates[max(0, index - 1) : index + 2]
    is_inside = 0 < index < len(rates) - 1
    if not is_inside or not all(math.isfinite(losses[rate]) for rate in near):
        return Optimum(best, losses[best], is_inside)
    curvature, slope, _ = np.polyfit(np.log(near), [losses[rate] for rate in near], 2)
    return Optimum(float(np.exp(-slope / (2 * curvature))), losses[best], True)


def sweep(
    outputs: Path,
    widths: Sequence[int],
    rates: Sequence[float],
    seeds: Sequence[int],
    overrides: Sequence[str],
) -> SweepFolder:
    """Carry out what is left of the sweep; the first width is the base of all."""
    folder = outputs / "sweep"
    space = [
        f"seed={','.join(map(str, seeds))}",
        f"model.parametrization={','.join(PARAMETRIZATIONS)}",
        f"model.embedding_dim={','.join(map(str, widths))}",
        f"optimizer.lr={','.join(map(str, rates))}",
    ]
    base = [f"model.base_width={widths[0]}", f"model.base_head_dim={widths[0] // HEADS}"]
    places = [f"paths.outputs='{outputs}'", f"sweep.folder='{folder}'"]
    command = [sys.executable, "-m", "gpt_exp", "train", "-m", *JOB, *base, *space, *places, *overrides]
    if subprocess.run(command, check=False).returncode:  # A rate may be so high that training fails.
        print("not all jobs have finished", flush=True)
    return SweepFolder(folder)


def losses(folder: SweepFolder) -> Found:
    """The last validation loss, its mean over seeds; nan where one of them has none."""
    by_setting: dict[tuple[str, int, float], list[float]] = defaultdict(list)
    for row in leaderboard(folder).rows:
        (reached,) = row.reached
        given = row.parameters
        name, width = str(given["model.parametrization"]), int(given["model.embedding_dim"])
        is_known = row.state == "finished" and reached is not None
        by_setting[name, width, float(given["optimizer.lr"])].append(reached.last if is_known else math.nan)
    found: dict[str, dict[int, dict[float, float]]] = defaultdict(lambda: defaultdict(dict))
    for (name, width, rate), over_seeds in sorted(by_setting.items()):
        found[name][width][rate] = fmean(over_seeds)
    return {name: found[name] for name in PARAMETRIZATIONS}


def tell(found: Found) -> None:
    """Print the table of losses, and the optima: how far the widest one's is from the narrowest one's."""
    for name, by_width in found.items():
        print(f"\n{name}: validation loss (mean over seeds) by width and learning rate")
        rates = sorted(next(iter(by_width.values())))
        print("width", *(f"{rate:g}" for rate in rates), "best", sep="\t")
        optima = {width: optimum(curve) for width, curve in by_width.items()}
        for width, curve in by_width.items():
            best = optima[width]
            told = f"{best.rate:.4f}{'' if best.is_inside else ' (at the edge)'}"
            print(width, *(f"{curve[rate]:.3f}" for rate in rates), told, sep="\t")
        first, *_, last = optima.values()
        print(f"best learning rate at the widest by that at the narrowest: {last.rate / first.rate:.2f}")


def figure(found: Found) -> go.Figure:
    """Loss by learning rate, a curve a width with its optimum as a star, a panel a parametrisation."""
    drawn = make_subplots(
        cols=len(found), shared_yaxes=True, subplot_titles=list(found), horizontal_spacing=0.04
    )
    for column, by_width in enumerate(found.values(), 1):
        for index, (width, curve) in enumerate(by_width.items()):
            color, best = PALETTE[index % len(PALETTE)], optimum(curve)
            shared = {"legendgroup": str(width), "row": 1, "col": column}
            drawn.add_scatter(
                x=sorted(curve),
                y=[curve[rate] for rate in sorted(curve)],
                name=f"width {width}",
                mode="lines+markers",
                line={"color": color},
                showlegend=column == 1,
                **shared,
            )
            drawn.add_scatter(
                x=[best.rate],
                y=[best.loss],
                mode="markers",
                marker={"color": color, "symbol": "star", "size": 16},
                showlegend=False,
                hovertemplate="best near %{x:.4f}<extra></extra>",
                **shared,
            )
    lowest = min(optimum(curve).loss for by_width in found.values() for curve in by_width.values())
    drawn.update_xaxes(type="log", title="learning rate", exponentformat="power", dtick=1)
    drawn.update_yaxes(range=[lowest - 0.1, lowest + ROOM])
    drawn.update_yaxes(title="validation loss (nats per token)", col=1)
    return drawn


def main() -> None:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--outputs", type=Path, default=Path("outputs/width_transfer"))
    parser.add_argument(
        "--widths", nargs="+", type=int, default=WIDTHS, help="multiples of 4; first the base"
    )
    parser.add_argument("--rates", nargs="+", type=float, default=LEARNING_RATES)
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    parser.add_argument("overrides", nargs="*", help="for all jobs, such as trainer.max_steps=100")
    arguments = parser.parse_args()
    outputs = arguments.outputs.resolve()
    found = losses(sweep(outputs, arguments.widths, arguments.rates, arguments.seeds, arguments.overrides))
    tell(found)
    draw(figure(found), outputs / "width_transfer")
    factory = partial(adamw, lr=coordinate_check.LEARNING_RATE)
    checked = coordinate_check.check(coordinate_check.WIDTHS, coordinate_check.batches(4), factory)
    coordinate_check.tell(checked)
    draw(coordinate_check.figure(checked), outputs / "coordinates")


if __name__ == "__main__":
    main()
