"""A search: which job comes next, by what Optuna makes of the results so far.

The study is a journal in the sweep folder, or lies in a storage that several machines share. What a trial
draws follows from the sampler's seed, the trial's number and the results: a search that was killed goes on as
if it were not.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isnan
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from gpt_exp.run import durable
from gpt_exp.sweep.search.study import as_drawn, open_study, quiet, refuse_unfit, sampler_of_trial, suggest
from gpt_exp.sweep.settings import Settings
from gpt_exp.sweep.space.space import Chosen, Space, every_job, size

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial
    from optuna.trial import Trial as OpenTrial

MAX_LISTED = 10_000  # Jobs that are gone through to find one that is new; in a larger space chance finds it.
MAX_DRAWS = 100
# What a trial has in the study beside its parameters:
OVERRIDES = "overrides"  # Its job's: written last, when the trial is whole.
OWNER = "owner"  # The sweep that asked for it.
RETRY_OF = "retry_of"  # The number of the trial whose job failed before; no job of its own.
GIVEN_BACK = "given_back"  # No job of its own, as another had drawn the same, or the last.


class Trial(NamedTuple):
    """A job that a search asks for."""

    number: int
    overrides: list[str]  # What sets it apart, as in Space.overrides.


class Search:
    """Ask for jobs, report how they do, tell how they end; the study keeps all of it.

    `name` is the sweep's, NAME/TIME. Raises UserError where sampler, pruner, space and study don't fit.
    """

    def __init__(self, space: Space, settings: Settings, journal: Path, *, name: str) -> None:
        refuse_unfit(space, settings)
        self._space = space
        self._settings = settings
        self._size = size(space)
        self._owner = _identity(journal.with_suffix(".owner")) if settings.storage else ""
        with quiet():
            sampler_of_trial(settings.sampler, 0)
            self._study = open_study(space, settings, journal, name)
            for trial in self._running():
                if OVERRIDES not in trial.user_attrs:  # The manager was killed while it was drawn.
                    self._tell(trial.number, "FAIL")

    def ask(self) -> Trial | None:
        """The next job; None after `num_trials` of them, failed ones too, and where none is left."""
        with quiet():
            for _ in range(MAX_DRAWS):
                num_jobs = len(self._jobs())
                if num_jobs == self._size or num_jobs >= self._settings.num_trials:
                    return None
                trial, chosen = self._draw()
                overrides = self._space.overrides(chosen)
                trial.set_user_attr(OVERRIDES, overrides)
                if self._is_new(overrides):
                    return Trial(trial.number, overrides)
                self._give_back(trial, chosen)
        return None

    def report(self, number: int, step: int, value: float) -> str | None:
        """Note a job's value of the objective at a step; why it should be pruned, or None."""
        import optuna

        from gpt_exp.sweep.search.pruning import reason

        if len(self._settings.objectives) > 1 or self._trial(number).state.is_finished():
            return None
        with quiet():
            trial = optuna.Trial(self._study, self._trial(number)._trial_id)
            if step not in self._trial(number).intermediate_values:  # A resumed job comes by it again.
                trial.report(value, step)
            return reason(self._study, self._trial(number)) if trial.should_prune() else None

    def tell(self, number: int, state: str, values: Sequence[float] | None = None) -> None:
        """How a job ended: finished with a value of each objective, pruned, or failed; twice does no harm."""
        if state != "finished" or values is None:
            self._tell(number, "PRUNED" if state == "pruned" else "FAIL")
            return
        if (
            any(map(isnan, values)) and len(values) == 1
        ):  # A loss that never was a number: stay away from there.
            minimize = self._settings.objectives[0].direction == "minimize"
            values = [inf if minimize else -inf]
        if any(map(isnan, values)):
            self._tell(number, "FAIL")
        elif self._trial(number).state.name == "FAIL":
            self._tell_again(number, values)
        else:
            self._tell(number, "COMPLETE", list(values))

    def _tell_again(self, number: int, values: Sequence[float]) -> None:
        """Of a job that had failed and was tried again: an ended trial stays, so another one says it."""
        from optuna.trial import create_trial

        first, every = self._trial(number), self._study.get_trials(deepcopy=False)
        if any(trial.user_attrs.get(RETRY_OF) == number for trial in every):
            return
        again = create_trial(
            values=list(values),
            params=first.params,
            distributions=first.distributions,
            user_attrs={RETRY_OF: number},
        )
        with quiet():
            self._study.add_trial(again)

    def under_way(self) -> list[Trial]:
        """This sweep's jobs whose end it was not told, those that a killed manager asked for among them."""
        return [
            Trial(t.number, t.user_attrs[OVERRIDES]) for t in self._running() if OVERRIDES in t.user_attrs
        ]

    def _tell(self, number: int, state: str, values: list[float] | None = None) -> None:
        from optuna.trial import TrialState

        with quiet():
            self._study.tell(number, values, state=TrialState[state], skip_if_finished=True)

    def _trial(self, number: int) -> FrozenTrial:
        return self._study.get_trials(deepcopy=False)[number]

    def _jobs(self) -> list[FrozenTrial]:
        """Whoever asked for them."""
        every = self._study.get_trials(deepcopy=False)
        return [t for t in every if OVERRIDES in t.user_attrs and GIVEN_BACK not in t.user_attrs]

    def _running(self) -> list[FrozenTrial]:
        from optuna.trial import TrialState

        running = self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        return [trial for trial in running if trial.user_attrs.get(OWNER, "") == self._owner]

    def _draw(self) -> tuple[OpenTrial, Chosen]:
        next_number = len(self._study.get_trials(deepcopy=False))
        self._study.sampler = sampler_of_trial(self._settings.sampler, next_number)
        trial = self._study.ask()
        trial.set_user_attr(OWNER, self._owner)
        chosen: Chosen = {}
        for parameter in self._space.parameters:
            if parameter.exists(chosen):
                chosen[parameter.key] = suggest(trial, parameter)
        return trial, chosen

    def _is_new(self, overrides: list[str]) -> bool:
        """Whether a whole trial is the only one of its job, and not more than were asked for."""
        every = [trial.user_attrs[OVERRIDES] for trial in self._jobs()]
        return every.count(overrides) == 1 and len(every) <= self._settings.num_trials

    def _give_back(self, trial: OpenTrial, chosen: Chosen) -> None:
        """End a trial that is not new; where all jobs can be listed, the nearest new one comes next."""
        trial.set_user_attr(GIVEN_BACK, True)
        self._tell(trial.number, "FAIL")
        if self._size is None or self._size > MAX_LISTED:
            return
        drawn = {tuple(other.user_attrs[OVERRIDES]) for other in self._jobs()}
        new = [job for job in every_job(self._space) if tuple(self._space.overrides(job)) not in drawn]
        if new:
            Random(trial.number).shuffle(new)
            self._enqueue(min(new, key=lambda job: len(job.items() ^ chosen.items())))

    def _enqueue(self, job: Chosen) -> None:
        parameters = [parameter for parameter in self._space.parameters if parameter.exists(job)]
        self._study.enqueue_trial({p.name: as_drawn(p, job[p.key]) for p in parameters})


def _identity(file: Path) -> str:
    """Of this sweep among those that share a storage; the same after a restart."""
    if not file.exists():
        durable.write_file(file, uuid4().hex)
    return file.read_text()
