"""python -m gpt_exp.job RUN_FOLDER: train what the folder's config says, from its newest whole checkpoint on.

A stage of another verb does what that verb does, from the start.

A job is a folder. So the processes of a distributed run, which repeat their command line, a cluster
that requeues a job, and a sweep that restarts one, all do the right thing.

Exit codes: 0 finished, 1 failed, 2 a mistake in the configuration, 128 + n stopped by signal n with a
checkpoint to go on from.
"""

from __future__ import annotations

import ctypes
import json
import logging
import os
import signal
import sys
from contextlib import nullcontext
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from gpt_exp import cli
from gpt_exp.config.verbs import TRAIN
from gpt_exp.errors import UserError
from gpt_exp.page.run import write_report
from gpt_exp.run.durable import write_file
from gpt_exp.run.folder import RunFolder, step_of
from gpt_exp.stages.begin import finish_parents, settle_start
from gpt_exp.stages.lineage import note_outcome, verb_of
from gpt_exp.stages.outcome import Outcome

if TYPE_CHECKING:
    from gpt_exp.experiment.training import Experiment

# Raised for what a user gave: a metric that is not there, a GPU that is not there, a refused API key.
REFUSALS = ("lightning.fabric.utilities.exceptions", "wandb.")
RANKS = ("LOCAL_RANK", "RANK", "SLURM_PROCID")  # As Lightning, torchrun and SLURM number their processes.
MANAGER = "GPT_EXP_MANAGER"  # The process that this job must not outlive.


def main() -> None:
    try:
        stop_with_manager()
        folder = RunFolder.open(sys.argv[1])
        if is_first():
            finish_parents(folder)
        with folder.lock() if is_first() else nullcontext():
            sys.exit(run_noted(folder))
    except (UserError, ValueError, OSError) as error:
        if os.environ.get("GPT_EXP_TRACEBACK"):
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def stop_with_manager() -> None:
    """Let the system send SIGTERM (save and stop) when the sweep that started this job dies (Linux)."""
    manager = os.environ.pop(MANAGER, None)  # Processes of a distributed run stop with their first one.
    if manager is None or not sys.platform.startswith("linux"):
        return
    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGTERM)
    if os.getppid() != int(manager):  # It died before we asked.
        sys.exit(128 + signal.SIGTERM)


def is_first() -> bool:
    """Whether this is the process of a run that writes its folder."""
    return all(os.environ.get(rank, "0") == "0" for rank in RANKS)


def run_noted(folder: RunFolder) -> int:
    """`run`, with what went wrong kept in the folder."""
    try:
        return run(folder)
    except Exception as error:
        logging.getLogger("traceback").info("the job failed", exc_info=True)  # To the log file alone.
        if is_first():
            folder.set_status("failed", reason=f"{type(error).__name__}: {error}")
            write_report(folder.path)
        if type(error).__module__.startswith(REFUSALS):
            raise UserError(str(error)) from error
        raise


def run(folder: RunFolder) -> int:
    """Train, evaluate, report, or do what a stage of another verb does; the exit code."""
    from gpt_exp.experiment.parts import read_config
    from gpt_exp.experiment.several_tasks import make_multi_task_experiment
    from gpt_exp.experiment.trainer import make_loggers
    from gpt_exp.experiment.training import make_experiment
    from gpt_exp.logger.tracker import tracking
    from gpt_exp.run.log import log_to

    if is_first():
        settle_start(folder)
    config = read_config(folder)
    log_to(folder.log)
    if (verb := verb_of(folder)) != TRAIN:
        return do(verb, config, folder)
    if is_first():
        folder.stop_request.unlink(missing_ok=True)
        folder.set_status("running", max_steps=config.trainer.max_steps)
    loggers, checkpoint = make_loggers(config, folder), folder.newest_whole_checkpoint()
    with tracking(loggers, folder, step_of(checkpoint) if checkpoint else 0):
        make = make_multi_task_experiment if config.get("tasks") else make_experiment
        return train(folder, make(config, folder, loggers), checkpoint)


def train(folder: RunFolder, experiment: Experiment, checkpoint: Path | None) -> int:
    """Train from a checkpoint on; if that was not interrupted, evaluate and report."""
    trainer: Any = experiment.trainer
    trainer.fit(experiment.module, datamodule=experiment.data_module, ckpt_path=checkpoint, weights_only=True)
    leave_the_others()
    if not trainer.is_global_zero:
        return 0
    stopped_by = next(filter(None, (getattr(c, "stopped_by", None) for c in trainer.callbacks)), None)
    if stopped_by:
        write_report(folder.path)
        return 128 + getattr(signal, stopped_by, 0)
    finish(folder, experiment)
    return 0


def do(verb: str, config: DictConfig, folder: RunFolder) -> int:
    """Another verb, whose figures are the folder's results; the exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):  # Nothing is to be saved: stopped, it begins anew.
        signal.signal(number, signal.SIG_DFL)
    folder.set_status("running")
    began = monotonic()
    outcome = cli.module(verb)(config, [])
    assert isinstance(outcome, Outcome)
    results = {"seconds": monotonic() - began, **outcome.figures}
    write_file(folder.results, json.dumps(results, indent=2))
    note_outcome(folder, outcome)
    folder.set_status("finished")
    print(f"report: {write_report(folder.path)}")
    return 0


def leave_the_others() -> None:
    """What is left to do is the first process's alone."""
    import torch.distributed

    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def finish(folder: RunFolder, experiment: Experiment) -> None:
    """Evaluate the best checkpoint on what is held out, or the part that is asked for; write the report."""
    from gpt_exp.evaluate_tasks import by_split, evaluate_tasks
    from gpt_exp.evaluation.of_run import How, evaluate_run, held_out
    from gpt_exp.evaluation.tables import tell
    from gpt_exp.experiment.model import LoadedRun, load_run
    from gpt_exp.hardware import peak_memory
    from gpt_exp.logger.tracker import Tracker
    from gpt_exp.module.multi_task import MultiTask

    module, data_module, trainer = experiment
    peak = peak_memory(module.device)  # Of training: before another model is loaded.
    num_trained = sum(each.numel() for each in module.model.parameters() if each.requires_grad)
    if folder.checkpoints():
        trained = load_run(folder.path, "best", merged=True)
    else:
        trained = LoadedRun(module.model, module.tokenizer, folder.config())
    batches = trainer.limit_test_batches
    how = How(
        folder=folder.path,
        batch_size=data_module.batch_size // (trainer.world_size * trainer.accumulate_grad_batches),
        device=module.device,
        precision=trainer.precision,
        about={"checkpoint": folder.resolve("best").name} if folder.checkpoints() else {},
        limit=batches * data_module.batch_size if isinstance(batches, int) else batches,
    )
    if isinstance(module, MultiTask):
        splits, task = module.splits, module.task
        found = evaluate_tasks(trained, task, splits, how)
        results = by_split(found, task)
    else:
        single: Any = data_module.splits
        found = results = evaluate_run(trained, data_module, held_out(single), how)
    summary = {
        "step": trainer.global_step,
        "num_parameters": module.model.shape.num_parameters,
        "num_trained_parameters": num_trained,
        "num_tokens_seen": module.tokens_before(trainer.global_step),
        "seconds": module.stopwatch.total,
        "peak_memory": peak,
        **results,
    }
    write_file(folder.results, json.dumps(summary, indent=2))
    for logger in trainer.loggers:
        if isinstance(logger, Tracker):
            logger.log_results(summary)
    folder.set_status("finished", step=trainer.global_step)
    tell(folder.path, found)
    print(f"report: {write_report(folder.path)}")


if __name__ == "__main__":
    main()
