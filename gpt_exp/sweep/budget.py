"""What a sweep is about to cost, in a line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from gpt_exp.config import cost
from gpt_exp.page.numbers import count, duration, several
from gpt_exp.sweep.folder import Job, SweepFolder
from gpt_exp.sweep.plan import Command
from gpt_exp.sweep.space.space import corners


def budget(folder: SweepFolder, jobs: list[Job], wanted: list[Job], command: Command, slots: int) -> str:
    """How many jobs there are in which state, the tokens of those to come, and about how long they take."""
    states = Counter("to go on" if job.state == "waiting" and job.attempts else job.state for job in jobs)
    told = ", ".join(f"{number} {state}" for state, number in states.items())
    line = f"{folder.path}: {several(len(jobs), 'job')} ({told})" if jobs else f"{folder.path}:"
    if others := len(jobs) - len(wanted):
        line += f", {others} of them not asked for now"
    costs = list(_to_come(wanted, command, slots))
    if command.settings.sampler is not None:
        line += f" up to {command.settings.num_trials} trials"
    if not costs:
        return line
    tokens, seconds = sum(tokens for tokens, _ in costs), sum(seconds for _, seconds in costs)
    time = f"about {duration(seconds / slots)} in {several(slots, 'slot')}"
    return f"{line}; {count(tokens)} tokens to train, {time}"


def _to_come(jobs: list[Job], command: Command, slots: int) -> Iterator[tuple[float, float]]:
    """Tokens, and seconds in one slot, of each job to come; of a search the mean over its corners."""
    if command.settings.sampler is None:
        for job in jobs:
            if job.state == "waiting":
                yield from _cost(command, job.overrides, slots)
        return
    left = command.settings.num_trials - sum(job.state != "waiting" for job in jobs)
    ends = [each for own in corners(command.space, 8) for each in _cost(command, own, slots)]
    if ends and left > 0:
        yield left * sum(t for t, _ in ends) / len(ends), left * sum(s for _, s in ends) / len(ends)


def _cost(command: Command, own: list[str], slots: int) -> Iterator[tuple[float, float]]:
    config = command.compose([*command.space.fixed, *own]).resolved.config
    if (job := cost.of(config)) is not None:
        times, _ = cost.seconds(config, job)
        share = slots if cost.on_cpu(config) else 1  # A slot has its share of the cores, or GPUs of its own.
        yield job.tokens, share * max(times.values())
