"""What can't be served is told in a line."""

import re

import pytest
from omegaconf import OmegaConf

from gpt_exp.config.location import conf_folder
from gpt_exp.dashboard.command import check
from gpt_exp.errors import UserError


@pytest.fixture
def config(outputs):
    config = OmegaConf.load(conf_folder() / "dashboard.yaml")
    config.outputs = str(outputs)
    return config


def test_the_defaults_are_right(config):
    check(config)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("ui", "tensorbord", "Did you mean ui=tensorboard?"),
        ("outputs", "missing", "no such folder"),
        ("port", 70000, "65535"),
        ("port", "x", "65535"),
        ("refresh", 0, "at least 1"),
        ("refresh", 0.5, "whole seconds"),
        ("open", "maybe", "auto"),
        ("direction", "down", "minimize or maximize"),
    ],
)
def test_a_mistake_is_told(config, key, value, said):
    config[key] = value
    with pytest.raises(UserError, match=re.escape(said)):
        check(config)


def test_one_run_is_no_folder_of_runs(config, make_run):
    config.outputs = str(make_run("name/time").path)
    with pytest.raises(UserError, match="is one run"):
        check(config)
