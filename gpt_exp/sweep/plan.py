"""What a command's sweep has to do: its folder, its jobs, and which of them are done already."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from gpt_exp.config.compose import Composition
from gpt_exp.errors import UserError
from gpt_exp.run.find import finished_runs
from gpt_exp.run.folder import RunFolder
from gpt_exp.run.identity import identity, is_runtime
from gpt_exp.sweep.folder import Job, SweepFolder, sweep_folders
from gpt_exp.sweep.settings import Settings
from gpt_exp.sweep.space import Space

Compose = Callable[[list[str]], Composition]  # From the overrides of one job.


class Command(NamedTuple):
    """`gpt-exp train -m ...` as it was given."""

    arguments: list[str]  # With Hydra's flags.
    space: Space
    settings: Settings
    compose: Compose


def open_folder(command: Command, outputs: Path, name: str) -> SweepFolder:
    """The folder in which this sweep goes on, or a new one."""
    key, settings = sweep_key(command), command.settings
    if settings.folder is not None:
        return _given_folder(SweepFolder(settings.folder), command, key)
    old = (SweepFolder(path) for path in sweep_folders(outputs) if path.parent.name == name)
    if not settings.new and (same := next((f for f in old if f.asked().get("key") == key), None)):
        _save_asked(same, command, key, created=same.asked()["created"])
        return same
    now = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    folder = SweepFolder(_free(outputs / "sweeps" / name / now))
    _save_asked(folder, command, key)
    return folder


def _given_folder(folder: SweepFolder, command: Command, key: str) -> SweepFolder:
    """The folder that the user named, where no other sweep lives."""
    known = folder.asked()
    if known and known["key"] != key:
        raise UserError(f"sweep.folder={folder.path} holds another sweep: {known['command']}")
    _save_asked(folder, command, key, created=known.get("created"))
    return folder


def sweep_key(command: Command) -> str:
    """Equal for commands that go on with each other.

    More values of a parameter, and another way of carrying out, are the same sweep; another fixed setting or
    another parameter is not. A search with another space is another search.
    """
    fixed = [text for text in command.space.fixed if not is_runtime(_key(text).replace("/", "."))]
    search = command.settings.sampler
    swept = [p.text if search is not None else p.key for p in command.space.parameters]
    told = json.dumps([sorted(fixed), sorted(swept), search], sort_keys=True, default=str)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def planned(folder: SweepFolder, command: Command, wanted: Sequence[list[str]], outputs: Path) -> list[Job]:
    """The manifest's jobs and those that this command adds; of one identity there is one job."""
    jobs = folder.jobs()
    known = {job.identity for job in jobs}
    for own in wanted:
        job = new_job(len(jobs), own, command.compose([*command.space.fixed, *own]).config)
        if job.identity not in known:
            known.add(job.identity)
            jobs.append(job)
    if command.settings.reuse:
        reuse(folder, [job for job in jobs if job.state == "waiting"], outputs)
    folder.save_jobs(jobs)
    return jobs


def new_job(number: int, own: list[str], config: Any, trial: int | None = None) -> Job:
    return Job(number, identity(config), own, run=f"{number:04d}", trial=trial)


def reuse(folder: SweepFolder, jobs: Sequence[Job], outputs: Path) -> None:
    """Let jobs that a run of another sweep, or a run alone, has finished stand for it."""
    done = finished_runs(outputs, {job.identity for job in jobs})
    for job in jobs:
        if job.identity in done:
            job.run, job.state = os.path.relpath(done[job.identity], folder.path), "finished"


def take_up(folder: SweepFolder, jobs: Sequence[Job], *, retry_failed: bool) -> None:
    """Bring the manifest up to what the run folders say after a manager's death; what is left to do waits."""
    for job in jobs:
        if job.state in ("running", "stopped"):
            job.state, job.reason = _left(folder.run(job))
        if job.state == "stopped" or (job.state == "failed" and retry_failed):
            job.state = "waiting"


def _left(run: RunFolder) -> tuple[str, str | None]:
    """A job's state where its manager did not live to see its end."""
    status = run.status()
    state = status.get("state")
    if state in ("finished", "failed", "pruned"):
        return state, status.get("reason")
    return "stopped", status.get("reason")


def make_run(folder: SweepFolder, job: Job, command: Command) -> RunFolder:
    """The job's run folder, made at its first attempt."""
    run = folder.run(job)
    if run.config_file.exists():
        return run
    overrides = [*command.space.fixed, *job.overrides]
    config = command.compose(overrides).config.copy()
    config.paths.run = str(run.path)
    config.sweep.group = folder.name
    return RunFolder.create(run.path, config, [text for text in overrides if not _is_of_sweep(text)])


def _save_asked(folder: SweepFolder, command: Command, key: str, created: str | None = None) -> None:
    asked = {
        "command": shlex.join(["gpt-exp", "train", *command.arguments]),
        "arguments": command.arguments,
        "key": key,
        "objectives": command.settings.objectives,
        "search": command.settings.sampler,
        "parameters": [parameter.key for parameter in command.space.parameters],
        "created": created or datetime.now().astimezone().isoformat(timespec="seconds"),
    }
    folder.save_asked(asked)


def _is_of_sweep(override: str) -> bool:
    """Whether this says how the sweep is carried out, which is nothing to a run that is resumed by itself."""
    return _key(override).replace("/", ".").partition(".")[0] in ("sweep", "hydra")


def _key(override: str) -> str:
    return override.partition("=")[0].lstrip("+~")


def _free(path: Path) -> Path:
    """The path, or where a sweep has begun in the same second, the path with a number."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}_{number}")
    return free
