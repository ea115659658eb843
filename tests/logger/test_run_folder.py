"""The metrics file is a function of what was logged, and nothing else."""

import math

import torch
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from gpt_exp.logger.run_folder import RunFolderLogger
from gpt_exp.run.lines import read_metrics


def test_timings_have_a_file_of_their_own(tmp_path):
    logger = RunFolderLogger(tmp_path)
    logger.log_metrics({"train/loss": 0.1 + 0.2, "speed/tokens_per_second": 123.4, "epoch": 0}, step=10)
    assert (tmp_path / "metrics.jsonl").read_text() == '{"step": 10, "train/loss": 0.30000000000000004}\n'
    assert (tmp_path / "speed.jsonl").read_text() == '{"step": 10, "speed/tokens_per_second": 123.4}\n'


def test_every_float_comes_back_exactly(tmp_path):
    values = torch.randn(100, generator=torch.Generator().manual_seed(0), dtype=torch.float64).tolist()
    logger = RunFolderLogger(tmp_path)
    for step, value in enumerate([*values, math.inf]):
        logger.log_metrics({"x": value}, step=step)
    assert [line["x"] for line in read_metrics(tmp_path / "metrics.jsonl")] == [*values, math.inf]


def test_training_and_validation_of_a_step_are_read_as_one(tmp_path):
    logger = RunFolderLogger(tmp_path)
    logger.log_metrics({"train/loss": 2.0}, step=10)
    logger.log_metrics({"val/loss": 3.0}, step=10)
    logger.log_metrics({"train/loss": 1.0}, step=20)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 30, "tra')  # Killed while writing.
    assert read_metrics(tmp_path / "metrics.jsonl") == [
        {"step": 10, "train/loss": 2.0, "val/loss": 3.0},
        {"step": 20, "train/loss": 1.0},
    ]


def test_other_ranks_write_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    RunFolderLogger(tmp_path).log_metrics({"train/loss": 2.0}, step=1)
    assert list(tmp_path.iterdir()) == []
