"""gpt-exp evaluate: a run's loss, perplexity and bits per byte on held-out text, beside gzip's and xz's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.utilities import move_data_to_device
from omegaconf import DictConfig
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch.utils.data import DataLoader

from gpt_exp.corpus.prepare import Corpus
from gpt_exp.data_module import DataModule
from gpt_exp.errors import UserError
from gpt_exp.experiment import LoadedRun, load_run, make, make_data, make_data_module
from gpt_exp.interfaces import Model, TextTask
from gpt_exp.precision import autocast, resolve_device, resolve_precision
from gpt_exp.run.durable import write_file

Results = dict[str, dict[str, float]]  # By split, then by metric.


def main(config: DictConfig, overrides: list[str]) -> None:
    """Print a table of the splits, and keep the numbers in the run's folder as evaluation.json."""
    run = load_run(config.run, config.checkpoint)
    _, corpus = make_data(run.config, run.tokenizer)
    splits = list(config.splits) or held_out(corpus)
    if unknown := set(splits) - set(corpus.parts):
        raise UserError(f"splits: this run has {', '.join(corpus.parts)}, not {', '.join(sorted(unknown))}")
    data_module = make_data_module(run.config, corpus, run.model, make(run.config.task))
    results = evaluate_run(
        run,
        data_module,
        splits,
        batch_size=config.batch_size,
        device=resolve_device(config.device),
        precision=config.precision,
    )
    write_file(Path(config.run) / "evaluation.json", json.dumps(results, indent=2))
    print_results(results)


def held_out(corpus: Corpus) -> list[str]:
    """The parts that a run does not train on."""
    return [part for part in corpus.parts if part != "train"]


def evaluate_run(
    run: LoadedRun,
    data_module: DataModule,
    splits: Sequence[str],
    *,
    batch_size: int,
    device: torch.device,
    precision: str = "auto",
) -> Results:
    """Every metric of the run's task over all of each split, and what compressors make of the same text."""
    corpus = data_module.corpus
    return {
        split: evaluate(
            run.model,
            make(run.config.task),
            data_module.evaluation_dataloader(split, batch_size=batch_size),
            bytes_per_target=corpus.bytes_per_target(split),
            device=device,
            precision=resolve_precision(precision, device.type),
            title=split,
        )
        | compressors(corpus.meta["parts"][split])
        for split in splits
    }


def compressors(counts: dict[str, int]) -> dict[str, float]:
    """Bits per byte of gzip and xz on the beginning of a split's text (all of it, up to 4 MB)."""
    size = counts.get("compressed_bytes")
    return {name: 8 * counts[f"{name}_bytes"] / size for name in ("gzip", "xz")} if size else {}


@torch.inference_mode()
def evaluate(
    model: Model,
    task: TextTask,
    loader: DataLoader[Any],
    *,
    bytes_per_target: float | None,
    device: torch.device,
    precision: str,
    title: str = "",
) -> dict[str, float]:
    """The task's metrics over every batch of a loader, by name."""
    model.eval().to(device)
    metric = task.metric(bytes_per_target=bytes_per_target).to(device)
    console = Console(stderr=True)
    for batch in track(loader, title, console=console, transient=True, disable=not console.is_terminal):
        moved = move_data_to_device(batch, device)
        with autocast(precision, device.type):
            metric.update(task.loss(model, moved))
    return {name: float(value) for name, value in metric.compute().items()}


def print_results(results: Results) -> None:
    """A row a split; only bits per byte can be compared with the compressors."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("split")
    columns = list(dict.fromkeys(name for values in results.values() for name in values))
    for name in columns:
        table.add_column(name.replace("_", " "), justify="right")
    for split, values in results.items():
        table.add_row(split, *(f"{values[name]:.4f}" if name in values else "" for name in columns))
    Console().print(table)
