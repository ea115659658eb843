"""From a command to a finished sweep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from rich.console import Console

from gpt_exp.config import jobs as jobs_of_command
from gpt_exp.config.compose import Composition
from gpt_exp.config.location import root_config
from gpt_exp.config.problem import refuse
from gpt_exp.config.resolve import resolve
from gpt_exp.config.verbs import TRAIN
from gpt_exp.errors import JobsFailed, UserError
from gpt_exp.sweep import plan
from gpt_exp.sweep.budget import budget
from gpt_exp.sweep.console.display import ConsoleDisplay
from gpt_exp.sweep.folder import DONE, Job, SweepFolder
from gpt_exp.sweep.guide import BySearch, InOrder
from gpt_exp.sweep.machine.here import this_machine
from gpt_exp.sweep.machine.survivors import wait_for_survivors
from gpt_exp.sweep.manager import Guide, Manager, Place
from gpt_exp.sweep.settings import Settings, settings_of
from gpt_exp.sweep.space.space import corners, grid, read_space

# From settings, resolved configs of jobs, and how many wait.
MakePlace = Callable[[Settings, list[dict[str, Any]], int], Place]


def carry_out(
    texts: list[str], config_dir: str | None, config_name: str, *, make_place: MakePlace = this_machine
) -> SweepFolder:
    """Do, or go on with, the sweep of these overrides.

    Raises JobsFailed at its end where jobs have failed, and KeyboardInterrupt when a signal stopped it.
    """
    space = read_space(texts, config_dir)

    def compose(job: list[str]) -> Composition:
        composed = jobs_of_command.composed("train", tuple(job), config_dir, config_name)
        refuse(composed.problems)
        return composed

    tried = [compose([*space.fixed, *own]) for own in corners(space)]  # Every value of every parameter.
    first, trained = tried[0], [_trained(job) for job in tried]
    arguments = ["-m", *texts, *_flags(config_dir, config_name)]
    settings = shared_settings(trained)
    command = plan.Command(arguments, space, settings, compose)
    outputs, console = Path(first.config.paths.outputs), Console(highlight=False)
    folder = plan.open_folder(command, outputs, first.config.name)
    with folder.lock():
        jobs, wanted = _plan(folder, command, outputs)
        resolved = [resolve(config).config for config in trained]
        place = make_place(command.settings, resolved, _num_to_come(wanted, command))
        if not place.outlives_sweep:
            wait_for_survivors(folder, jobs, console.print)
        plan.take_up(
            folder,
            jobs,
            retry_failed=command.settings.retry_failed,
            retry_out_of_memory=command.settings.retry_out_of_memory,
        )
        guide = _guide(folder, jobs, wanted, command, outputs)
        plan.save_asked(folder, command)
        folder.save_jobs(jobs)
        console.print(budget(folder, jobs, wanted, command, place.num_slots), soft_wrap=True)
        stopped = _manage(folder, jobs, command, place, guide)
    tell_result(folder, console)
    if stopped:
        console.print(
            f"stopped; to go on: the same command, or gpt-exp sweep resume {folder.path}", soft_wrap=True
        )
        raise KeyboardInterrupt
    refuse_unfinished(folder, wanted)
    return folder


def shared_settings(configs: Sequence[DictConfig]) -> Settings:
    """UserError where jobs choose their best checkpoints by different metrics, and the sweep names none."""
    settings, *others = map(settings_of, configs)
    for each in others:
        if each.objectives != settings.objectives:
            told = " and ".join(own.objectives[0].metric for own in (settings, each))
            raise UserError(f"sweep.metric: the jobs' checkpoints monitor {told}; name the sweep's own")
    return settings


def refuse_unfinished(folder: SweepFolder, jobs: list[Job]) -> None:
    """Raise JobsFailed where not all jobs came to their end."""
    states, told = Counter(job.state for job in jobs), []
    if failed := states["failed"]:
        told.append(
            f"{failed} of {len(jobs)} jobs failed; to try them again: gpt-exp sweep retry {folder.path}"
        )
    if stopped := states["stopped"]:
        told.append(
            f"{stopped} of {len(jobs)} jobs were stopped; to go on: gpt-exp sweep resume {folder.path}"
        )
    if told:
        raise JobsFailed("\n".join(told))


def _flags(config_dir: str | None, config_name: str) -> list[str]:
    """Hydra's own that the composition hangs on."""
    named = [f"--config-name={config_name}"] if config_name != root_config("train") else []
    return named + ([f"--config-dir={config_dir}"] if config_dir else [])


def _plan(folder: SweepFolder, command: plan.Command, outputs: Path) -> plan.Plan:
    """All jobs of a grid; of a search those that it has asked for so far."""
    if command.settings.sampler is None:
        return plan.planned(folder, command, grid(command.space), outputs)
    jobs = folder.jobs()
    return plan.Plan(jobs, jobs)


def _trained(job: Composition) -> DictConfig:
    """The config of the job; where that is a stage of another verb, of the last stage that trains."""
    trained = [stage.config for stage in job.stages if stage.verb == TRAIN]
    if job.stages and not trained:
        raise UserError("-m: a sweep is of training, and none of the experiment's stages trains")
    return trained[-1] if trained else job.config


def _num_to_come(jobs: list[Job], command: plan.Command) -> int:
    if command.settings.sampler is not None:
        return max(1, command.settings.num_trials - len(jobs))
    return max(1, sum(job.state not in DONE for job in jobs))


def _manage(folder: SweepFolder, jobs: list[Job], command: plan.Command, place: Place, guide: Guide) -> bool:
    """Carry out what waits; whether it was stopped before the end."""
    with ConsoleDisplay(command.settings.objectives[0]) as display:
        manager = Manager(
            folder,
            jobs,
            make_run=partial(plan.make_run, folder, command=command),
            guide=guide,
            place=place,
            display=display,
            retry_out_of_memory=command.settings.retry_out_of_memory,
        )
        manager.run()
    return manager.stopped


def _guide(
    folder: SweepFolder, jobs: list[Job], wanted: list[Job], command: plan.Command, outputs: Path
) -> Guide:
    if command.settings.sampler is None:
        return InOrder(wanted)

    def make_job(number: int, own: list[str], trial: int) -> Job:
        composed = command.compose([*command.space.fixed, *own])
        job = plan.new_job(number, own, composed.config, trial)
        if command.settings.reuse:
            plan.reuse(folder, [job], outputs)
        return job

    from gpt_exp.sweep.search.search import Search  # Optuna takes its time.

    search = Search(command.space, command.settings, folder.study, name=folder.name)
    return BySearch(folder, jobs, search, command.settings.objectives, make_job=make_job)


def tell_result(folder: SweepFolder, console: Console) -> None:
    """The table on the console and in files, and the page."""
    from gpt_exp.page.sweep import write_sweep_report
    from gpt_exp.sweep.console.board import print_board
    from gpt_exp.sweep.leaderboard import leaderboard

    print_board(leaderboard(folder), console)
    console.print(f"report: {write_sweep_report(folder.path)}", soft_wrap=True)
