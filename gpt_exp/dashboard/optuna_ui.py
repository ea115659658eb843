"""Optuna's own page on all sweeps: searches as their studies are, grids as studies made of their manifests.

It is given copies, so that nothing that is clicked there changes a sweep.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from gpt_exp.dashboard.follow import Watched
from gpt_exp.dashboard.scan import scan
from gpt_exp.sweep.folder import SweepFolder
from gpt_exp.sweep.leaderboard import leaderboard
from gpt_exp.sweep.search.study import quiet
from gpt_exp.sweep.search.trials import trials

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

logger = logging.getLogger(__name__)


class Studies:
    """Copies of all sweeps in memory; `copy` brings them up to date."""

    def __init__(self, outputs: Path) -> None:
        from optuna.storages import InMemoryStorage

        self.storage = InMemoryStorage()
        self._outputs = outputs
        self._watched: dict[str, Watched[None]] = {}  # The file that tells of a sweep's trials.
        self._spaces: dict[str, object] = {}  # What the parameters of a study were given.
        self._copied: dict[str, set[int]] = {}  # The trials of a study.

    def copy(self) -> None:
        """Add the trials that have come to an end since."""
        for path in scan(str(self._outputs)).sweeps.values():
            folder = SweepFolder(path)
            file = str(folder.study if folder.study.exists() else folder.manifest)
            if not self._watched.setdefault(file, Watched(file, lambda _: None, None)).look():
                continue
            try:
                with quiet():
                    self._copy(folder)
            except Exception:  # A damaged sweep must not keep the others away.
                logger.warning("%s is not shown", path, exc_info=True)

    def _copy(self, folder: SweepFolder) -> None:
        space, ended = _of_journal(folder) if folder.study.exists() else trials(leaderboard(folder))
        study = self._study(folder, space)
        for trial in ended:
            if trial.number not in self._copied[folder.name]:
                study.add_trial(trial)
                self._copied[folder.name].add(trial.number)

    def _study(self, folder: SweepFolder, space: object) -> Study:
        """The copy to add to; a grid that got more values is another study to Optuna."""
        import optuna
        from optuna.study import StudyDirection

        name, objectives = folder.name, folder.objectives()
        if self._spaces.get(name) != space:
            if name in self._spaces:
                optuna.delete_study(study_name=name, storage=self.storage)
            self._spaces[name], self._copied[name] = space, set()
        study = optuna.create_study(
            storage=self.storage,
            study_name=name,
            directions=[StudyDirection[objective.direction.upper()] for objective in objectives],
            load_if_exists=True,
        )
        study.set_metric_names([objective.metric for objective in objectives])
        return study


def _of_journal(folder: SweepFolder) -> tuple[object, list[FrozenTrial]]:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    journal = JournalStorage(JournalFileBackend(str(folder.study)))
    study = optuna.load_study(study_name=None, storage=journal)
    return "search", [trial for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()]
