"""Each option of conf/logger, alone and together, logs a run and its continuation without losing a line."""

import csv
from pathlib import Path

import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

CONF = Path(__file__).parents[2] / "conf" / "logger"

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:.*was deprecated:FutureWarning")


def make(*options: str, run: Path) -> dict:
    config = OmegaConf.merge(*(OmegaConf.load(CONF / f"{option}.yaml") for option in options))
    root = OmegaConf.create({"paths": {"run": str(run)}, "logger": config})
    return {name: instantiate(node) for name, node in root.logger.items()}


def log(loggers: dict, steps: range) -> None:
    for step in steps:
        for logger in loggers.values():
            logger.log_metrics({"train/loss": 1.0 / step}, step=step)
            if step % 2 == 0:
                logger.log_metrics({"val/loss": 2.0 / step}, step=step)
            logger.save()
    for logger in loggers.values():
        logger.finalize("success")


def test_options_combine(tmp_path):
    assert list(make("csv", "tensorboard", "wandb", run=tmp_path)) == ["csv", "tensorboard", "wandb"]
    assert make("none", run=tmp_path) == {}


def test_tensorboard_goes_on_in_one_folder(tmp_path):
    for steps in (range(1, 4), range(4, 7)):
        log(make("tensorboard", run=tmp_path), steps)
    assert [path.name for path in tmp_path.iterdir()] == ["tensorboard"]
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("train/loss")] == [1, 2, 3, 4, 5, 6]
    assert [event.step for event in events.Scalars("val/loss")] == [2, 4, 6]


def test_csv_keeps_what_was_there_before_a_continuation(tmp_path):
    for steps in (range(1, 4), range(4, 7)):
        log(make("csv", run=tmp_path), steps)
    rows = []
    for path in sorted((tmp_path / "csv").glob("version_*/metrics.csv")):
        with path.open() as file:
            rows += csv.DictReader(file)
    steps = [int(row["step"]) for row in rows if row["train/loss"]]
    assert steps == [1, 2, 3, 4, 5, 6]
