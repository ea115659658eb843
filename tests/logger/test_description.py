"""A run's name and settings, as dashboards show them."""

import pytest

from gpt_exp.config.compose import compose, composition
from gpt_exp.errors import UserError
from gpt_exp.logger import description
from gpt_exp.run.folder import RunFolder
from gpt_exp.sweep.folder import Job, SweepFolder


def test_a_run_is_named_by_its_folder_and_a_job_by_what_sets_it_apart(tmp_path):
    sweep = SweepFolder(tmp_path / "sweeps" / "demo" / "time")
    overrides = [["optimizer.lr=0.001", "seed=2"], ["optimizer.lr=0.1", "schedule.lr=0.2", "+model=gpt_nano"]]
    sweep.save_jobs([Job(n, "", own, run=f"{n:04d}") for n, own in enumerate(overrides)])
    names = [description.run_name(RunFolder(sweep.path / name)) for name in ("0000", "0001", "0002")]
    assert names == [
        "0000 lr=0.001 seed=2",
        "0001 optimizer.lr=0.1 schedule.lr=0.2 model=gpt_nano",
        "time/0002",
    ]


def test_a_name_is_not_too_long_for_wandb(tmp_path):
    sweep = SweepFolder(tmp_path)
    sweep.save_jobs([Job(0, "", ["data.paths=[" + 200 * "x" + "]"], run="0000")])
    assert len(description.run_name(RunFolder(tmp_path / "0000"))) <= 128


def test_hyperparameters_are_what_a_run_learns_from():
    config = compose("train", ["optimizer=muon", "logger=[wandb]", "seed=3", "sweep.group=demo/1"])
    found = description.hyperparameters(config)
    assert (found["optimizer"], found["optimizer.lr"], found["seed"]) == ("muon", 0.02, 3)
    assert found["model.num_layers"] == config.model.num_layers
    assert found["schedule.max_steps"] == config.trainer.max_steps
    assert not {
        key for key in found if key.partition(".")[0] in ("paths", "logger", "callback", "sweep", "name")
    }


def test_lists_are_text_and_no_path_is_told_but_a_name_on_the_hub():
    given = ["data=text", "data.paths=[/home/me/books]", "optimizer.betas=[0.9,0.99]"]
    found = description.hyperparameters(composition("train", given).config)
    assert found["optimizer.betas"] == "[0.9, 0.99]"
    assert "data.paths" not in found
    parts = {"model": {"path": "owner/name", "dtype": "a/b"}, "tokenizer": {"path": "/home/me/t.json"}}
    assert description.hyperparameters(parts) == {"model.path": "owner/name", "model.dtype": "a/b"}


def test_the_shared_config_is_whole_but_for_what_names_this_machine():
    config = {
        "seed": 1,
        "paths": {"run": "/home/me/run"},
        "resume": "/home/me/run",
        "data": {"data_files": {"train": "/home/me/x"}, "field": "text", "shards": [1, 2]},
    }
    assert description.shared(config) == {"seed": 1, "data": {"field": "text", "shards": [1, 2]}}


def test_a_missing_package_is_told_in_a_line():
    with pytest.raises(UserError, match=r"logger=\[mlflow\] needs pip install 'gpt-exp\[mlflow\]'"):
        description.need("no_such_package", "mlflow")
