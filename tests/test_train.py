"""Which folder a command trains in; no training here."""

import pytest

from gpt_exp import train
from gpt_exp.config.compose import compose
from gpt_exp.config.resumed import with_saved
from gpt_exp.errors import UserError


@pytest.fixture
def opened(tmp_path):
    """The run folder that `gpt-exp train` with these overrides chooses."""

    def open_run(*overrides):
        given = with_saved([*overrides, f"paths.outputs={tmp_path}"])
        return train.open_run(compose("train", given), given)

    return open_run


def test_auto_goes_on_with_the_newest_run_of_the_same_configuration(opened):
    opened("seed=2", "paths.run=${paths.outputs}/a/1")
    first = opened("seed=1", "paths.run=${paths.outputs}/a/2")
    assert opened("seed=1", "resume=auto").path == first.path


def test_auto_starts_a_new_run_where_any_setting_of_its_identity_differs(opened):
    first = opened("seed=1", "paths.run=${paths.outputs}/a/1")
    assert opened("seed=1", "optimizer.lr=0.5", "resume=auto").path != first.path


def test_auto_takes_over_devices_and_loggers(opened):
    opened("paths.run=${paths.outputs}/a/1")
    config = opened("resume=auto", "trainer.devices=2", "logger=none").config()
    assert config.trainer.devices == 2
    assert not config.get("logger")


def test_a_folder_alone_means_its_own_configuration(opened):
    first = opened("seed=7", "model=gpt_nano", "paths.run=${paths.outputs}/a/1")
    config = opened(f"resume={first.path}", "num_workers=1", "trainer=ddp", "logger=[csv]").config()
    assert (config.seed, config.model.num_layers, config.num_workers) == (7, 4, 1)
    assert (config.trainer.strategy, list(config.logger)) == ("ddp", ["csv"])
    assert config.paths.run == str(first.path)


def test_another_identity_is_refused_by_name(opened):
    first = opened("seed=7", "paths.run=${paths.outputs}/a/1")
    with pytest.raises(UserError, match=r"made with another optimizer\.lr;"):
        opened(f"resume={first.path}", "optimizer.lr=0.5")


def test_a_folder_that_holds_a_run_is_not_used_for_another(opened):
    first = opened("paths.run=${paths.outputs}/a/1")
    with pytest.raises(UserError, match=f"go on with it by resume={first.path}"):
        opened("paths.run=${paths.outputs}/a/1")


def test_a_finished_run_is_not_trained_again(opened, tmp_path, capsys):
    given = [f"paths.outputs={tmp_path}", "resume=auto"]
    opened("paths.run=${paths.outputs}/a/1").set_status("finished", step=2000)
    train.main(compose("train", given), given)
    assert "is finished" in capsys.readouterr().out
