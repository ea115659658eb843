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
from gpt_exp.config.override_key import key_of
from gpt_exp.errors import UserError
from gpt_exp.run.find import finished_runs
from gpt_exp.run.folder import RunFolder
from gpt_exp.run.identity import differences, identity, is_runtime
from gpt_exp.stages.lineage import save_lineage
from gpt_exp.stages.make import leading_to_last, lineage_of, make_stages
from gpt_exp.sweep.ending import OUT_OF_MEMORY
from gpt_exp.sweep.folder import Job, SweepFolder, sweep_folders
from gpt_exp.sweep.micro_batch import halve_micro_batch
from gpt_exp.sweep.settings import Settings
from gpt_exp.sweep.space.space import Space

PASSING = ("sweep.folder", "sweep.retry_failed", "sweep.new")  # Said for once.

Compose = Callable[[list[str]], Composition]  # From the overrides of one job.


class Command(NamedTuple):
    """`gpt-exp train -m ...` as it was given."""

    arguments: list[
        str
    ]  # Overrides and Hydra's flags, those that choose another root config or folder among them.
    space: Space
    settings: Settings
    compose: Compose


def open_folder(command: Command, outputs: Path, name: str) -> SweepFolder:
    """The folder in which this sweep goes on, or a new one; it holds nothing of this command yet."""
    key, settings = sweep_key(command), command.settings
    if settings.folder is not None:
        return _given_folder(SweepFolder(settings.folder), key)
    old = (SweepFolder(path) for path in sweep_folders(outputs) if path.parent.name == name)
    if not settings.new and (same := next((f for f in old if f.asked().get("key") == key), None)):
        return same
    now = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    return _made(_free(outputs / "sweeps" / name / now))


def _given_folder(folder: SweepFolder, key: str) -> SweepFolder:
    """The folder that the user named, where no other sweep lives."""
    known = folder.asked()
    if known and known["key"] != key:
        raise UserError(f"sweep.folder={folder.path} holds another sweep: {known['command']}")
    return _made(folder.path)


def _made(path: Path) -> SweepFolder:
    path.mkdir(parents=True, exist_ok=True)
    return SweepFolder(path)


def sweep_key(command: Command) -> str:
    """Equal for commands that go on with each other.

    More values of a parameter, and another way of carrying out, are the same sweep; another fixed setting or
    another parameter is not. A search with another space is another search.
    """
    fixed = [text for text in command.space.fixed if not is_runtime(_dotted(text))]
    flags = [text for text in command.arguments if text.startswith("--")]  # Another root config or folder.
    search, objectives = command.settings.sampler, None
    swept = [p.text if search is not None else p.key for p in command.space.parameters]
    if search is not None:
        objectives = command.settings.objectives
    told = json.dumps([sorted(fixed), flags, sorted(swept), search, objectives], sort_keys=True, default=str)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


class Plan(NamedTuple):
    jobs: list[Job]  # All that the manifest has.
    wanted: list[Job]  # By this command: a shorter list of values leaves the others where they are.


def planned(folder: SweepFolder, command: Command, wanted: Sequence[list[str]], outputs: Path) -> Plan:
    """The manifest's jobs and those that this command adds; of one identity there is one job."""
    jobs = folder.jobs()
    known = {job.identity: job for job in jobs}
    not_begun = {tuple(job.overrides): job for job in jobs if job.state == "waiting" and not job.attempts}
    asked = {}
    for own in wanted:
        job = new_job(len(jobs), own, command.compose([*command.space.fixed, *own]).config)
        if (same := known.get(job.identity)) is not None:
            job = same
        elif (same := not_begun.get(tuple(own))) is not None:  # An option's YAML has changed since.
            same.identity, job = job.identity, same
        else:
            jobs.append(job)
        asked[job.number] = known[job.identity] = job
    if command.settings.reuse:
        reuse(folder, [job for job in asked.values() if job.state == "waiting"], outputs)
    return Plan(jobs, list(asked.values()))


def new_job(number: int, own: list[str], config: Any, trial: int | None = None) -> Job:
    return Job(number, _identity(own, config), own, run=f"{number:04d}", trial=trial)


def _identity(own: list[str], config: Any) -> str:
    """The config's, and of a sweep over another way of carrying out (compile=true,false) the way as well."""
    ways = sorted(text for text in own if is_runtime(_dotted(text)))
    return (
        hashlib.sha256(json.dumps([identity(config), ways]).encode()).hexdigest()
        if ways
        else identity(config)
    )


def reuse(folder: SweepFolder, jobs: Sequence[Job], outputs: Path) -> None:
    """Let jobs that a run of another sweep, or a run alone, has finished stand for it."""
    done = finished_runs(outputs, {job.identity for job in jobs})
    for job in jobs:
        if job.identity in done:
            job.run, job.state = os.path.relpath(done[job.identity], folder.path), "finished"


def take_up(
    folder: SweepFolder, jobs: Sequence[Job], *, retry_failed: bool, retry_out_of_memory: bool = False
) -> None:
    """Bring the manifest up to what the run folders say after a manager's death; what is left to do waits."""
    for job in jobs:
        if job.state in ("running", "stopped"):
            run = folder.run(job)
            job.state, job.reason = _left(run)
            ran_out = job.state == "failed" and OUT_OF_MEMORY.search(job.reason or "") is not None
            if ran_out and retry_out_of_memory and (note := halve_micro_batch(job, run)):
                job.state, job.note = "waiting", note
        is_runnable = job.identity != ""  # Not a search's whose config was refused.
        if job.state == "stopped" or (job.state == "failed" and retry_failed and is_runnable):
            job.state = "waiting"


def _left(run: RunFolder) -> tuple[str, str | None]:
    """A job's state where its manager did not live to see its end."""
    status = run.status()
    state = status.get("state")
    if state in ("finished", "failed", "pruned"):
        return state, status.get("reason")
    return "stopped", status.get("reason")


def make_run(folder: SweepFolder, job: Job, command: Command) -> RunFolder:
    """The job's run folder, made at its first attempt; one that goes on does so as this command says.

    Devices, loggers and the like may have changed; what the run learns, and a halved micro-batch, have not.
    """
    run = folder.run(job)
    overrides = [*command.space.fixed, *job.overrides]
    composed = command.compose(overrides)
    config = composed.config.copy()
    config.paths.run = str(run.path)
    if "sweep" in config:  # Not of another verb, where that is an experiment's last stage.
        config.sweep.group = folder.name
    if run.config_file.exists():
        before = run.config()
        if job.was_halved:
            config.trainer.accumulate_grad_batches = before.trainer.accumulate_grad_batches
        if not differences(before, config):
            run.save_config(config)
        return run
    if (
        composed.stages
    ):  # The last one is the job's; it has those that it hangs on trained where they are not.
        *earlier, last = leading_to_last(composed.stages)
        make_stages(earlier)
        save_lineage(run, lineage_of(last, earlier, run.path))
        overrides = last.overrides
    return RunFolder.create(run.path, config, [text for text in overrides if not _is_of_sweep(text)])


def save_asked(folder: SweepFolder, command: Command) -> None:
    """What the folder is for, so that it can be gone on with from anywhere."""
    created = folder.asked().get("created") or datetime.now().astimezone().isoformat(timespec="seconds")
    lasting = [text for text in command.arguments if _dotted(text) not in PASSING]
    asked = {
        "command": " ".join(["gpt-exp", "train", *map(_word, lasting)]),
        "arguments": lasting,
        "cwd": str(Path.cwd()),
        "key": sweep_key(command),
        "objectives": command.settings.objectives,
        "search": command.settings.sampler,
        "parameters": [parameter.key for parameter in command.space.parameters],
        "created": created,
    }
    folder.save_asked(asked)


def _word(text: str) -> str:
    """For a shell, as a person would quote it."""
    return f'"{text}"' if "'" in text and not set(text) & set('"$`\\!') else shlex.quote(text)


def _is_of_sweep(override: str) -> bool:
    """Whether this says how the sweep is carried out, which is nothing to a run that is resumed by itself."""
    return _dotted(override).partition(".")[0] in ("sweep", "hydra")


def _dotted(override: str) -> str:
    """The key; of a group a/b it is a.b."""
    return key_of(override).replace("/", ".")


def _free(path: Path) -> Path:
    """The path, or where a sweep has begun in the same second, the path with a number."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}_{number}")
    return free
