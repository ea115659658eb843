"""What can't be served is told in a line."""

import re

import pytest
from omegaconf import OmegaConf

from gpt_exp.config.location import conf_folder
from gpt_exp.dashboard.command import check, direction
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
        ("direction", None, "minimize or maximize"),
        ("outputs", None, "outputs=None: a word"),
        ("outputs", 5, "outputs=5: a word"),
        ("host", None, "host=None: a word"),
        ("host", 123, "host=123: a word"),
        ("host", "", "host=: a word"),
        ("metric", 5, "metric=5: a word"),
        ("allow", "a", "allow=a: a list of names"),
        ("allow", [1], "allow=[1]: a list of names"),
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


def test_one_sweep_is_no_folder_of_runs(config, make_sweep):
    sweep = make_sweep("sweeps/name/time")
    config.outputs = str(sweep.path)
    with pytest.raises(UserError, match=f"is one sweep; .* such as {sweep.path.parents[2]}$"):
        check(config)


@pytest.mark.parametrize(
    ("metric", "given", "expected"),
    [
        ("val/loss", "auto", "minimize"),
        ("val/accuracy", "auto", "maximize"),
        ("val/length", "auto", "minimize"),
        ("val/accuracy", "minimize", "minimize"),
    ],
)
def test_a_metric_goes_where_its_name_says(config, metric, given, expected):
    config.metric, config.direction = metric, given
    assert direction(config) == expected
