"""A run on splits of its data: their losses, and what its task measures of its answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from omegaconf import DictConfig

from gpt_exp.corpus.record_splits import RecordSplits
from gpt_exp.corpus.text_splits import TextSplits
from gpt_exp.data_module import DataModule
from gpt_exp.errors import UserError
from gpt_exp.evaluation.judged import judge, save
from gpt_exp.evaluation.losses import losses
from gpt_exp.evaluation.tables import Results
from gpt_exp.experiment.model import LoadedRun
from gpt_exp.experiment.parts import make
from gpt_exp.interfaces import Decoding, Prediction, Record, RecordTask
from gpt_exp.module.answers import spread
from gpt_exp.page.evaluation import write_evaluation
from gpt_exp.page.judged import PART
from gpt_exp.precision import autocast, resolve_precision
from gpt_exp.task.token_loss import TokenLoss


class How(NamedTuple):
    """How a run is evaluated, and where what it answered is kept."""

    folder: Path
    batch_size: int
    device: torch.device
    precision: str = "auto"
    shots: int = 0  # Solved training records before each prompt.
    seed: int = 1337  # Of the shots and of the bootstrap.
    about: Mapping[str, Any] = {}  # What the figures in the folder stand with.
    prefix: str = ""  # Before a split's name, in results and in the folder.
    limit: float | None = None  # Of each split only so many, or that share: see `num_limited`.


def held_out(splits: TextSplits | RecordSplits) -> list[str]:
    """The parts that a run does not train on."""
    return [part for part in splits.parts if part != "train"]


def evaluate_run(run: LoadedRun, data_module: DataModule, names: Sequence[str], how: How) -> Results:
    """Each split's loss; of text what compressors make of it, of records the task's figures."""
    task, precision = make(run.config.task), resolve_precision(how.precision, how.device.type)
    splits: Any = data_module.splits
    results = {}
    for name in names if how.limit != 0 else ():
        metric = TokenLoss(bytes_per_target=bytes_per_target(splits, name))
        total = len(splits.evaluation(name))
        most = num_limited(how.limit, total)
        loader = data_module.evaluation_dataloader(name, batch_size=how.batch_size, limit=most)
        told: dict[str, Any] = {"device": how.device, "precision": precision, "title": f"{how.prefix}{name}"}
        found = losses(run.model, task, metric, loader, **told)
        if isinstance(splits, TextSplits):
            found |= compressors(splits.corpus.meta["parts"][name])
        else:
            with autocast(precision, how.device.type):
                found |= judged_figures(run, task, splits, name, how)
        results[f"{how.prefix}{name}"] = found | share(most, total)
    if results and isinstance(splits, RecordSplits):
        write_evaluation(how.folder)
    return results


def judged_figures(
    run: LoadedRun, task: RecordTask, splits: RecordSplits, name: str, how: How
) -> dict[str, float]:
    """What the task measures of the run's answers to a split, which the folder holds with their intervals."""
    decoding: Decoding = make(run.config.decode)
    metric, solved = task.metric(), draw_shots(splits.records["train"], how.shots, how.seed)

    def answer(batch: Sequence[Record]) -> list[Prediction]:
        return task.predict(run.model, batch, run.tokenizer, decoding, shots=solved)

    records, title = some(splits.records[name], how.limit), f"{how.prefix}{name}"
    judged = judge(records, answer, metric, batch_size=how.batch_size, seed=how.seed, title=title)
    made = {"shots": how.shots, "decode": said(run.config.decode), **how.about}
    save(how.folder, title, judged, metric, **made, **share(len(records), len(splits.records[name])))
    return judged.figures


def some(records: Sequence[Record], limit: float | None) -> Sequence[Record]:
    """What a limit leaves of a split's records, spread over all of it."""
    return spread(records, num_limited(limit, len(records)))


def num_limited(limit: float | None, total: int) -> int:
    """How many of `total` a limit leaves: a number, at most all; or a share of them, as a float."""
    if isinstance(limit, float):
        return max(1, round(limit * total))
    return total if limit is None else min(limit, total)


def share(count: int, total: int) -> dict[str, float]:
    """What figures of a part stand with; those of all need no word."""
    return {PART: count / total} if count < total else {}


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
