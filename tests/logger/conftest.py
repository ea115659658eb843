"""What the trackers' tests share: runs that end in every way, and no key of the user's."""

import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from gpt_exp.logger.trackio import _at

TRACKIO = TemporaryDirectory()  # Else what runs in this process would log to the user's own place.
with _at(Path(TRACKIO.name)), suppress(ImportError):
    import trackio  # noqa: F401

sys.path.insert(0, str(Path(__file__).parent))  # For the modules beside the tests.

COMMON = [
    "sweep.group=demo/1",
    "callback=[checkpoint,samples]",
    "callback.checkpoint.every_n_steps=5",
    "callback.samples.every_n_steps=100",
]
BROKEN_AT = 12  # After a validation at 10 and between two checkpoints.


@pytest.fixture(autouse=True)
def nobodys_account(monkeypatch, tmp_path_factory):
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("NETRC", str(home / ".netrc"))


@pytest.fixture
def train_all(train, new_run, monkeypatch):
    """Train two runs and one that fails in the middle; gives their folders and what goes on with the last."""
    from gpt_exp import job
    from gpt_exp.module.pretraining import Pretraining

    def run(*overrides: str):
        given = [*COMMON, *overrides]
        folders = [
            train(*given, "seed=1", name="demo/one"),
            train(*given, "seed=2", "optimizer=muon", name="demo/two"),
            new_run(*given, "seed=3", name="demo/broken"),
        ]
        compute_loss = Pretraining.compute_loss

        def broken(self, batch):
            if self.trainer.global_step == BROKEN_AT:
                raise ZeroDivisionError("broken on purpose")
            return compute_loss(self, batch)

        monkeypatch.setattr(Pretraining, "compute_loss", broken)
        with pytest.raises(ZeroDivisionError):
            job.run_noted(folders[-1])
        monkeypatch.setattr(Pretraining, "compute_loss", compute_loss)
        return folders, lambda: job.run_noted(folders[-1])

    return run
