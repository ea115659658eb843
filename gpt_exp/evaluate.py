"""gpt-exp evaluate: a run on held-out data, by loss and by what its task measures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from gpt_exp.config.nearest import nearest
from gpt_exp.config.several import alone
from gpt_exp.corpus.record_splits import RecordSplits
from gpt_exp.corpus.text_splits import TextSplits
from gpt_exp.errors import UserError
from gpt_exp.evaluation.against import differences, read_others
from gpt_exp.evaluation.lm_eval import run_tasks, tell_tasks
from gpt_exp.evaluation.of_run import How, evaluate_run, held_out, some
from gpt_exp.evaluation.tables import Results, tell, tell_differences
from gpt_exp.experiment.data import make_data
from gpt_exp.experiment.model import LoadedRun, load_pretrained, load_run
from gpt_exp.experiment.parts import make
from gpt_exp.experiment.several_tasks import of_one_task, prefix_of
from gpt_exp.experiment.splits import make_data_module, make_splits
from gpt_exp.interfaces import RecordTask
from gpt_exp.mixture.mixed_splits import BETWEEN
from gpt_exp.page.judged import INSTEAD
from gpt_exp.page.run import write_report
from gpt_exp.precision import autocast, resolve_device, resolve_precision
from gpt_exp.run.durable import write_file
from gpt_exp.run.folder import RunFolder, read_json
from gpt_exp.stages.outcome import Outcome

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
    records = {
        f"{prefix}{name}": some(of_records[name], config.limit) for name in names if name in of_records
    }
    others = read_others(config.against, records, task.metric()) if config.against else {}
    how = How(
        folder=folder,
        batch_size=config.batch_size,
        device=resolve_device(config.device),
        precision=config.precision,
        shots=config.shots or 0,
        seed=config.seed,
        about=about(config),
        prefix=prefix,
        limit=config.limit,
    )
    results = evaluate_run(run, make_data_module(run.config, splits, task), names, how)
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
