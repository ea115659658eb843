"""gpt-exp pseudo_label: a run's own answers to records where it is sure, as data to train on.

Self-training: Lee 2013 (pseudo-labels); Xie et al. 2020, arXiv:1911.04252, section 3, for the rounds.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from gpt_exp.config.nearest import meant
from gpt_exp.errors import UserError
from gpt_exp.evaluation.batches import in_batches, length_of
from gpt_exp.experiment.model import LoadedRun, load_run
from gpt_exp.experiment.parts import make
from gpt_exp.experiment.several_tasks import of_one_task
from gpt_exp.interfaces import Labelling, Record
from gpt_exp.precision import autocast, resolve_device, resolve_precision
from gpt_exp.run.durable import write_file
from gpt_exp.stages.outcome import Outcome

Answer = tuple[str, float]  # With its confidence.


def main(config: DictConfig, overrides: list[str]) -> Outcome:
    """Write the records with sure answers into the file; say how many there are of each class."""
    run = of_one_task(load_run(config.run, config.checkpoint, merged=True), config.of)
    task = make(run.config.task)
    if not isinstance(task, Labelling):
        raise UserError(f"run={config.run}: {run.config.task._target_} does not tell how sure it is")
    classes = getattr(task, "labels", None)
    if config.balanced and classes is None:
        raise UserError("balanced=true: this run's task has no classes")
    records = read(config)
    answers = answered(run, task, records, config)
    limits = {"top": config.top, "balanced": config.balanced}
    kept = select(answers, classes, confidence=config.confidence, **limits)
    if not kept:
        raise UserError(too_unsure(answers, classes if config.balanced else None, config.confidence))
    path = Path(config.paths.run or "") / Path(config.path).expanduser()
    write(path, [labelled(records[i], task.target, *answers[i]) for i in kept])
    figures = figures_of(records, answers, kept, task)
    tell(path, figures)
    return Outcome(figures, "num_labelled")


def read(config: DictConfig) -> Sequence[Record]:
    """The records of the part; UserError where the data have none."""
    source = make(config.data)
    if not hasattr(source, "read"):
        raise UserError(f"data: {config.data._target_} gives text, and answers are to records")
    parts = source.read()
    if config.part not in parts:
        hint = meant(config.part, list(parts), "part=")
        raise UserError(f"part={config.part}: the data have {', '.join(parts)}{hint}")
    return parts[config.part]


def answered(run: LoadedRun, task: Labelling, records: Sequence[Record], config: DictConfig) -> list[Answer]:
    """The run's answers, which see nothing of those that the records may have."""
    device = resolve_device(config.device)
    decoding = make(config.decode if config.get("decode") else run.config.decode)
    model = run.model.to(device)

    def answer(batch: Sequence[Record]) -> list[Answer]:
        return task.sure_answers(model, batch, run.tokenizer, decoding)

    asked = [{name: each for name, each in record.items() if name != task.target} for record in records]
    with autocast(resolve_precision(config.precision, device.type), device.type):
        return in_batches(asked, answer, length=length_of, batch_size=config.batch_size, title="answering")


def select(
    answers: Sequence[Answer],
    classes: Sequence[str] | None,
    *,
    confidence: float,
    top: int | None = None,
    balanced: bool = False,
) -> list[int]:
    """The numbers of sure answers that say something, in their order.

    `top` keeps the surest of each class, or of all where there are no classes; `balanced` as many of each
    class as there are of the rarest.
    """
    sure = [i for i, (output, share) in enumerate(answers) if output and share >= confidence]
    surest = sorted(sure, key=lambda i: -answers[i][1])
    kinds = [surest] if classes is None else [[i for i in surest if answers[i][0] == c] for c in classes]
    limit = len(sure) if top is None else top
    if balanced:
        limit = min(limit, *map(len, kinds))
    return sorted(i for kind in kinds for i in kind[:limit])


def too_unsure(answers: Sequence[Answer], classes: Sequence[str] | None, confidence: float) -> str:
    """Why nothing is kept: how sure the best answer is; or of one of `classes`, where all must be there."""
    surest: dict[str, float] = {}
    for output, share in answers:
        if output:
            surest[output] = max(share, surest.get(output, 0.0))
    if not surest:
        return f"nothing to write: none of {len(answers)} records has an answer"
    if missing := [name for name in classes or () if name not in surest]:
        return f"balanced=true: nothing to write, for no record is answered {missing[0]!r}"
    rare = min(classes, key=surest.__getitem__) if classes else max(surest, key=surest.__getitem__)
    what = f"answer {rare!r}" if classes else "answer"
    return f"confidence={confidence}: nothing to write, for no {what} is surer than {surest[rare]}"


def labelled(record: Record, target: str, output: str, confidence: float) -> Record:
    return {**record, target: output, "confidence": confidence}


def write(path: Path, records: Sequence[Record]) -> None:
    """Whole or not at all."""
    write_file(path, "".join(f"{json.dumps(record, ensure_ascii=False)}\n" for record in records))


def figures_of(
    records: Sequence[Record], answers: Sequence[Answer], kept: Sequence[int], task: Any
) -> dict[str, Any]:
    """Counts; and where the data had answers of their own, what share of those kept is the same."""
    figures: dict[str, Any] = {"num_records": len(records), "num_labelled": len(kept)}
    if (classes := getattr(task, "labels", None)) is not None:
        counts = Counter(answers[i][0] for i in kept)
        figures["num_by_class"] = {name: counts[name] for name in classes}
    known = [records[i][task.target] == answers[i][0] for i in kept if task.target in records[i]]
    return figures | ({"agreement": sum(known) / len(known)} if known else {})


def tell(path: Path, figures: Mapping[str, Any]) -> None:
    print(f"{path}: {figures['num_labelled']:,} of {figures['num_records']:,} records labelled")
    for name, count in figures.get("num_by_class", {}).items():
        print(f"  {name:20}{count:>10,}")
    if "agreement" in figures:
        print(f"  {figures['agreement']:.1%} as the data's own answers have it")
