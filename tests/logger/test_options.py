"""Each option of conf/logger stands alone and combines with any other; csv loses no line."""

import csv
import sys

import pytest

from gpt_exp.config import feasibility
from gpt_exp.config.compose import compose, composition
from gpt_exp.run.lines import read_metrics

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:.*was deprecated:FutureWarning")


def test_trackers_take_the_group_of_the_sweep():
    config = compose("train", ["logger=[wandb,mlflow,trackio]", "sweep.group=demo/1"])
    assert {node.group for node in config.logger.values()} == {"demo/1"}


@pytest.mark.slow
def test_all_at_once(train):
    pytest.importorskip("mlflow")
    pytest.importorskip("trackio")
    overrides = ["logger=[csv,mlflow,tensorboard,trackio,wandb]", "logger.wandb.mode=offline"]
    folder = train(*overrides, "callback=[checkpoint,samples]", "trainer.max_steps=2")
    theirs = {"csv", "mlflow_run_id", "tensorboard", "trackio_run_id", "wandb"}
    assert theirs <= {path.name for path in folder.path.iterdir()}


@pytest.mark.slow
def test_csv_keeps_what_was_there_before_a_continuation(train_all):
    folders, go_on = train_all("logger=[csv]")
    go_on()
    steps = []
    for path in sorted((folders[-1].path / "csv").glob("version_*/metrics.csv")):
        with path.open() as file:
            steps += [int(row["step"]) for row in csv.DictReader(file) if row["train/loss"]]
    assert set(steps) == {row["step"] for row in read_metrics(folders[-1].metrics)}


def test_a_missing_package_is_found_before_the_start(monkeypatch):
    job = composition("train", ["logger=[mlflow]"])
    monkeypatch.setitem(sys.modules, "mlflow", None)
    (problem,) = feasibility.problems(job.resolved.config)
    assert str(problem) == "logger.mlflow: needs pip install 'gpt-exp[mlflow]'"
