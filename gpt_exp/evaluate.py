"""gpt-exp evaluate: a run on held-out data, by loss and by what its task measures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from gpt_exp.corpus.record_splits import RecordSplits
from gpt_exp.corpus.text_splits import TextSplits
from gpt_exp.data_module import DataModule
from gpt_exp.errors import UserError
from gpt_exp.evaluation.judged import judge, save, saved_statistics
from gpt_exp.evaluation.lm_eval import run_tasks, tell_tasks
from gpt_exp.evaluation.losses import losses
from gpt_exp.experiment import (
    LoadedRun,
    load_pretrained,
    load_run,
    make,
    make_data,
    make_data_module,
    make_splits,
)
from gpt_exp.interfaces import Decoding, Prediction, Record, RecordTask
from gpt_exp.page.evaluation import write_evaluation
from gpt_exp.precision import autocast, resolve_device, resolve_precision
from gpt_exp.run.durable import write_file
from gpt_exp.run.folder import read_json
from gpt_exp.task.metric.bootstrap import paired
from gpt_exp.task.token_loss import TokenLoss

Results = dict[str, dict[str, float]]  # By split, then by metric.
RESULTS, LM_EVAL = "evaluation.json", "lm_eval"  # In a run's folder; a key beside the splits.
INSTEAD = ("data", "task", "decode")  # Nodes of a run's config that an evaluation may replace.


def main(config: DictConfig, overrides: list[str]) -> None:
    """Print a table of the splits; keep numbers, predictions and a page in the run's folder."""
    if config.lm_eval:
        harness(config)
        return
    run, folder = opened(config), Path(config.run or config.paths.output)
    data, task = make_data(run.config, run.tokenizer), make(run.config.task)
    splits = make_splits(run.config, data, run.model, task)
    names = list(config.splits) or held_out(splits)
    if unknown := set(names) - set(splits.parts):
        raise UserError(f"splits: the data have {', '.join(splits.parts)}, not {', '.join(sorted(unknown))}")
    others = _others(config.against, names) if config.against else {}
    results = evaluate_run(
        run,
        make_data_module(run.config, splits, task),
        names,
        folder=folder,
        batch_size=config.batch_size,
        device=resolve_device(config.device),
        precision=config.precision,
        shots=config.shots or 0,
        seed=config.seed,
    )
    write_results(folder, {**_of_harness(folder), **results})
    tell(folder, results)
    for split, theirs in others.items():
        compare(folder, split, config.against, theirs, make(run.config.task).metric(), seed=config.seed)


def harness(config: DictConfig) -> None:
    """lm-eval's tasks instead of the data's splits: a table, and numbers in the run's folder."""
    run, folder = opened(config), Path(config.run or config.paths.output)
    device = resolve_device(config.device)
    with autocast(resolve_precision(config.precision, device.type), device.type):
        found = run_tasks(
            run.model.to(device),
            run.tokenizer,
            list(config.lm_eval),
            path=config.lm_eval_path,
            shots=config.shots,
            limit=config.lm_eval_limit,
            batch_size=config.batch_size,
            begins=bool(config.run) if config.lm_eval_bos is None else config.lm_eval_bos,
            seed=config.seed,
        )
    known = read_json(folder / RESULTS)
    write_results(folder, known | {LM_EVAL: known.get(LM_EVAL, {}) | found})
    tell_tasks(found)


def write_results(folder: Path, results: Mapping[str, Any]) -> None:
    """Of the splits, and of lm-eval's tasks beside them."""
    write_file(folder / RESULTS, json.dumps(results, indent=2))


def _of_harness(folder: Path) -> dict[str, Any]:
    """What was measured by lm-eval before: another evaluation leaves it."""
    known = read_json(folder / RESULTS)
    return {LM_EVAL: known[LM_EVAL]} if LM_EVAL in known else {}


def opened(config: DictConfig) -> LoadedRun:
    """The run, or a model that is none, with its config as this evaluation wants it."""
    if config.run is None and config.get("model") is None:
        raise UserError("run: needs a run's folder, as in run=outputs/...; or model=hf model.path=FOLDER")
    needed = () if config.lm_eval else ("data", "task")
    run = (
        load_run(config.run, config.checkpoint, merged=True)
        if config.run
        else load_pretrained(config, needed=needed)
    )
    for name in INSTEAD:
        if config.get(name) is not None:
            run.config[name] = config[name]
    return run


def held_out(splits: TextSplits | RecordSplits) -> list[str]:
    """The parts that a run does not train on."""
    return [part for part in splits.parts if part != "train"]


def evaluate_run(
    run: LoadedRun,
    data_module: DataModule,
    names: Sequence[str],
    *,
    folder: Path,
    batch_size: int,
    device: torch.device,
    precision: str = "auto",
    shots: int = 0,
    seed: int = 1337,
) -> Results:
    """The loss over all of each split; of text what compressors make of it, of records the task's figures."""
    task, precision = make(run.config.task), resolve_precision(precision, device.type)
    splits: Any = data_module.splits
    results = {}
    for name in names:
        metric = TokenLoss(bytes_per_target=bytes_per_target(splits, name))
        loader = data_module.evaluation_dataloader(name, batch_size=batch_size)
        results[name] = losses(
            run.model, task, metric, loader, device=device, precision=precision, title=name
        )
        if isinstance(splits, TextSplits):
            results[name] |= compressors(splits.corpus.meta["parts"][name])
        else:
            with autocast(precision, device.type):
                results[name] |= judged_figures(
                    run, task, splits, name, folder=folder, batch_size=batch_size, shots=shots, seed=seed
                )
    if isinstance(splits, RecordSplits):
        write_evaluation(folder)
    return results


def judged_figures(
    run: LoadedRun,
    task: RecordTask,
    splits: RecordSplits,
    name: str,
    *,
    folder: Path,
    batch_size: int,
    shots: int,
    seed: int,
) -> dict[str, float]:
    """What the task measures of the run's answers to a split, which are kept in the folder."""
    decoding: Decoding = make(run.config.decode)
    metric, solved = task.metric(), draw_shots(splits.records["train"], shots, seed)

    def answer(batch: Sequence[Record]) -> list[Prediction]:
        return task.predict(run.model, batch, run.tokenizer, decoding, shots=solved)

    judged = judge(splits.records[name], answer, metric, batch_size=batch_size, seed=seed, title=name)
    save(folder, name, judged, metric, shots=shots, decode=run.config.decode._target_)
    return judged.figures


def draw_shots(records: Sequence[Record], count: int, seed: int) -> list[Record]:
    """`count` training records, the same for every prompt; raises UserError for more than there are."""
    if count > len(records):
        raise UserError(f"shots={count}: the training split has {len(records)} records")
    numbers = np.random.Generator(np.random.PCG64(seed)).choice(len(records), count, replace=False)
    return [records[int(number)] for number in numbers]


def bytes_per_target(splits: Any, split: str) -> float | None:
    """Of text; records have prompts, which no target tells."""
    return splits.corpus.bytes_per_target(split) if isinstance(splits, TextSplits) else None


def compressors(counts: dict[str, int]) -> dict[str, float]:
    """Bits per byte of gzip and xz on the beginning of a split's text (all of it, up to 4 MB)."""
    size = counts.get("compressed_bytes")
    return {name: 8 * counts[f"{name}_bytes"] / size for name in ("gzip", "xz")} if size else {}


def _others(against: str, names: Sequence[str]) -> dict[str, Any]:
    """The other run's saved predictions, read before anything is computed."""
    return {name: saved_statistics(Path(against), name) for name in names}


def compare(folder: Path, split: str, against: str, theirs: Any, metric: Any, *, seed: int) -> None:
    """Print this run's figures less the other's, by a paired bootstrap (Koehn 2004)."""
    ours = saved_statistics(folder, split)
    if ours[0] != theirs[0]:
        raise UserError(f"against={against}: its {split} has other records")
    table = _table(f"{split}: less {against}", "difference", "95 % interval", "p")
    for name, found in paired(metric, ours[1], theirs[1], seed=seed).items():
        interval = f"[{found['low']:+.4f}, {found['high']:+.4f}]"
        table.add_row(name, f"{found['difference']:+.4f}", interval, f"{found['p_value']:.3f}")
    Console().print(table)


def tell(folder: Path, results: Results) -> None:
    """Print a table: of records a figure a row with its interval, of text a split a row."""
    summary = folder / "predictions" / "summary.json"
    known = json.loads(summary.read_text()) if summary.is_file() else {}
    if not known:
        print_results(results)
        return
    table = _table("split", "figure", "value", "95 % interval")
    for split, values in results.items():
        intervals = known.get(split, {}).get("intervals", {})
        for number, (name, value) in enumerate(values.items()):
            interval = "{:.4g} to {:.4g}".format(*intervals[name]) if name in intervals else ""
            table.add_row("" if number else split, name.replace("_", " "), f"{value:.4g}", interval)
    Console().print(table)
    print(f"predictions and page: {folder / 'evaluation.html'}")


def print_results(results: Results) -> None:
    """A row a split; only bits per byte can be compared with the compressors."""
    columns = list(dict.fromkeys(name for values in results.values() for name in values))
    table = _table("split", *(name.replace("_", " ") for name in columns))
    for split, values in results.items():
        table.add_row(split, *(f"{values[name]:.4f}" if name in values else "" for name in columns))
    Console().print(table)


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="left" if name == "figure" else "right")
    return table
