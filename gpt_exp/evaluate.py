"""gpt-exp evaluate: a run on held-out data, by loss and by what its task measures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig

from gpt_exp.config.nearest import nearest
from gpt_exp.config.several import alone
from gpt_exp.corpus.record_splits import RecordSplits
from gpt_exp.corpus.text_splits import TextSplits
from gpt_exp.data_module import DataModule
from gpt_exp.errors import UserError
from gpt_exp.evaluation.against import differences, read_others
from gpt_exp.evaluation.judged import judge, save
from gpt_exp.evaluation.lm_eval import run_tasks, tell_tasks
from gpt_exp.evaluation.losses import losses
from gpt_exp.evaluation.tables import Results, tell, tell_differences
from gpt_exp.experiment.data import make_data
from gpt_exp.experiment.model import LoadedRun, load_pretrained, load_run
from gpt_exp.experiment.parts import make
from gpt_exp.experiment.several_tasks import of_one_task, prefix_of
from gpt_exp.experiment.splits import make_data_module, make_splits
from gpt_exp.interfaces import Decoding, Prediction, Record, RecordTask
from gpt_exp.mixture.mixed_splits import BETWEEN
from gpt_exp.page.evaluation import write_evaluation
from gpt_exp.page.judged import INSTEAD
from gpt_exp.page.run import write_report
from gpt_exp.precision import autocast, resolve_device, resolve_precision
from gpt_exp.run.durable import write_file
from gpt_exp.run.folder import RunFolder, read_json
from gpt_exp.stages.outcome import Outcome
from gpt_exp.task.token_loss import TokenLoss

RESULTS, LM_EVAL = "evaluation.json", "lm_eval"  # In a run's folder; a key beside the splits.
OF_ANSWERS = ("shots", "against", "decode")  # Settings that text has no use for.
RECORD_SAMPLING = "gpt_exp.sampling.length_buckets.LengthBuckets"
TEXT_SAMPLING = "gpt_exp.sampling.packed.Packed"


def main(config: DictConfig, overrides: list[str]) -> Outcome:
    """Print a table of the splits; keep numbers, predictions and pages in a folder."""
    if config.lm_eval:
        return harness(config)
    run, folder = opened(config), writes_to(config)
    data, task = make_data(run.config, run.tokenizer), make(run.config.task)
    splits = make_splits(run.config, data, run.model, task)
    names = chosen(list(config.splits), splits, config)
    prefix = prefix_of(config.of) if config.of else ""
    of_records = splits.records if isinstance(splits, RecordSplits) else {}
    records = {f"{prefix}{name}": of_records[name] for name in names if name in of_records}
    others = read_others(config.against, records, task.metric()) if config.against else {}
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
        about=about(config),
        prefix=prefix,
    )
    write_results(folder, {**_of_others(folder, config.of), **results})
    tell(folder, results)
    if config.run and not config.paths.run:  # A stage's report comes with its end.
        write_report(folder)
    for split, other in others.items():
        found = differences(folder, other, task.metric(), seed=config.seed)
        tell_differences(f"{split}: less {config.against}", found)
    return outcome(results, task)


def writes_to(config: DictConfig) -> Path:
    """A stage's own folder, else the run's, else one for a model that is no run."""
    return Path(config.paths.run or config.run or config.paths.output)


def outcome(results: Results, task: Any) -> Outcome:
    """The last split's first figure is told: val comes before test."""
    split = list(results)[-1]
    if not isinstance(task, RecordTask):
        return Outcome(results, f"{split}/loss", "min")
    metric = task.metric()
    return Outcome(results, f"{split}/{metric.main}", "max" if metric.higher_is_better else "min")


def chosen(names: Sequence[str], splits: TextSplits | RecordSplits, config: DictConfig) -> list[str]:
    """The splits to evaluate; UserError for one that is not there, and for what text has not."""
    for part in names:
        if part not in splits.parts:
            near = nearest(part, splits.parts)
            hint = f". Did you mean splits=[{near}]?" if near else ""
            raise UserError(f"splits: the data have {', '.join(splits.parts)}, not {part}{hint}")
    if isinstance(splits, TextSplits):
        for key in OF_ANSWERS:
            if config.get(key):
                raise UserError(f"{key}: of text there are losses alone, and no answers; task=... has some")
    return list(dict.fromkeys(names)) or held_out(splits)


def about(config: DictConfig) -> dict[str, Any]:
    """What answers are of: a run's checkpoint, or a model; and the data and the task, if not the run's."""
    if not config.run:
        return {"model": config.model.get("path"), **{name: told(config[name]) for name in INSTEAD}}
    folder = RunFolder.open(config.run)
    own = alone(folder.config(), config.of) if config.of else folder.config()
    other = {name: told(config[name]) for name in INSTEAD if config.get(name) not in (None, own.get(name))}
    return {"checkpoint": folder.resolve(config.checkpoint).name, **other}


def told(node: DictConfig) -> str:
    """What a node makes, as its module is called: "translation"."""
    return str(node._target_).split(".")[-2]


def harness(config: DictConfig) -> Outcome:
    """lm-eval's tasks instead of the data's splits: a table, and numbers in the run's folder."""
    run, folder = opened(config), writes_to(config)
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
    task, figures = next(iter(found.items()))
    return Outcome({LM_EVAL: found}, f"{LM_EVAL}/{task}/{next(iter(figures))}")


def write_results(folder: Path, results: Mapping[str, Any]) -> None:
    """Of the splits, and of lm-eval's tasks beside them."""
    write_file(folder / RESULTS, json.dumps(results, indent=2))


def _of_others(folder: Path, of: str | None) -> dict[str, Any]:
    """What was measured by lm-eval before, and of other tasks where there are several: it stays."""
    known = read_json(folder / RESULTS)
    return {key: each for key, each in known.items() if key == LM_EVAL or (of and BETWEEN in key)}


def opened(config: DictConfig) -> LoadedRun:
    """The run, or a model that is none, with its config as this evaluation wants it."""
    if config.run:
        run = load_run(config.run, config.checkpoint, merged=True)
        run = of_one_task(run, config.of, merged=True)
    else:
        run = load_pretrained(config, needed=() if config.lm_eval else INSTEAD)
    for name in (*INSTEAD, "decode"):
        if config.get(name) is not None:
            run.config[name] = config[name]
    if config.run and config.get("task") is not None:
        fit(run, config.run)
    return run


def fit(run: LoadedRun, folder: str) -> None:
    """Cut sequences as the task that was put in place of the run's wants it; UserError for missing heads."""
    task = make(run.config.task)
    if missing := [
        name for name in getattr(task, "heads", {}) if name not in getattr(run.model, "heads", {})
    ]:
        raise UserError(
            f"task: {run.config.task._target_} reads a head {missing[0]!r}, which run={folder} does not have"
        )
    run.config.sampling = {"_target_": RECORD_SAMPLING if isinstance(task, RecordTask) else TEXT_SAMPLING}


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
    about: Mapping[str, Any],
    prefix: str = "",
) -> Results:
    """The loss over all of each split; of text what compressors make of it, of records the task's figures.

    Results, and figures in the folder, which `about` stands with, have the split's name after `prefix`.
    """
    task, precision = make(run.config.task), resolve_precision(precision, device.type)
    splits: Any = data_module.splits
    results = {}
    for name in names:
        kept = f"{prefix}{name}"
        metric = TokenLoss(bytes_per_target=bytes_per_target(splits, name))
        loader = data_module.evaluation_dataloader(name, batch_size=batch_size)
        results[kept] = losses(
            run.model, task, metric, loader, device=device, precision=precision, title=kept
        )
        if isinstance(splits, TextSplits):
            results[kept] |= compressors(splits.corpus.meta["parts"][name])
        else:
            with autocast(precision, device.type):
                results[kept] |= judged_figures(
                    run,
                    task,
                    splits,
                    name,
                    folder=folder,
                    batch_size=batch_size,
                    shots=shots,
                    seed=seed,
                    about=about,
                    kept=kept,
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
    about: Mapping[str, Any],
    kept: str,
) -> dict[str, float]:
    """What the task measures of the run's answers to a split, which the folder holds under this name."""
    decoding: Decoding = make(run.config.decode)
    metric, solved = task.metric(), draw_shots(splits.records["train"], shots, seed)

    def answer(batch: Sequence[Record]) -> list[Prediction]:
        return task.predict(run.model, batch, run.tokenizer, decoding, shots=solved)

    judged = judge(splits.records[name], answer, metric, batch_size=batch_size, seed=seed, title=kept)
    save(folder, kept, judged, metric, shots=shots, decode=said(run.config.decode), **about)
    return judged.figures


def said(decode: DictConfig) -> str:
    """A decoding as a call: gpt_exp.decoding.beam.Beam(num_beams=5), without settings that are null."""
    given = {str(key): value for key, value in decode.items() if value is not None}
    called = given.pop("_target_")
    return f"{called}({', '.join(f'{key}={value}' for key, value in given.items())})"


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
