"""A run that starts from another takes over what its weights mean, and needs nothing else of it."""

import pytest
from omegaconf import OmegaConf

from gpt_exp.config.compose import compose
from gpt_exp.errors import UserError
from gpt_exp.run.folder import RunFolder
from gpt_exp.tokenizer.byte import byte


@pytest.fixture
def base(tmp_path):
    """A run of a small model, with two checkpoints."""
    folder = RunFolder.create(
        tmp_path / "base",
        compose("train", ["model=llama_micro", "model.num_layers=3", "model.dropout=0.3"]),
        [],
    )
    byte().save(folder.tokenizer)
    for step in (10, 20):
        folder.checkpoint(step).mkdir(parents=True)
    folder.best.write_text('{"step": 10, "metric": "val/loss", "value": 1.5}')
    return folder


def test_the_network_and_the_tokenizer_are_the_other_run_s(base):
    config = compose("train", ["model=run", f"init.run={base.path}"])
    assert config.model == base.config().model
    assert config.tokenizer.path == str(base.tokenizer)


def test_keys_that_are_set_replace_the_run_s_own(base):
    config = compose(
        "train", ["model=run", f"init.run={base.path}", "model.dropout=0.05", "model.z_loss=1e-4"]
    )
    assert (config.model.dropout, config.model.z_loss, config.model.num_layers) == (0.05, 1e-4, 3)


def test_another_network_may_take_the_weights_of_a_run(base):
    config = compose("train", ["model=llama_nano", f"init.run={base.path}"])
    assert config.model != base.config().model
    assert config.tokenizer.path == str(base.tokenizer)


def test_the_checkpoint_is_settled_when_the_run_is_made(base):
    assert compose("train", ["model=run", f"init.run={base.path}"]).init.checkpoint == "step-00000010"
    last = compose("train", ["model=run", f"init.run={base.path}", "init.checkpoint=last"])
    assert last.init.checkpoint == "step-00000020"
    base.best_file("best_translation").write_text('{"step": 20}')
    own = compose("train", ["model=run", f"init.run={base.path}", "init.checkpoint=best_translation"])
    assert own.init.checkpoint == "step-00000020"


def test_a_run_from_nowhere_keeps_what_it_chose():
    config = compose("train", ["tokenizer=byte"])
    assert OmegaConf.select(config, "init.run") is None
    assert config.tokenizer._target_ == "gpt_exp.tokenizer.byte.byte"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model=run"], "needs init.run=FOLDER"),
        (["model=run", "init.run=nowhere"], "nowhere is not a run folder"),
    ],
)
def test_what_is_no_run_is_told(overrides, message):
    with pytest.raises(UserError, match=message):
        compose("train", overrides)


def test_a_misspelt_best_is_told_before_anything_is_read(base):
    base.best_file("best_translation").write_text('{"step": 20}')
    with pytest.raises(UserError, match="no checkpoint 'best_translaton'; did you mean best_translation"):
        compose("train", ["model=run", f"init.run={base.path}", "init.checkpoint=best_translaton"])


def test_a_run_without_checkpoints_is_told(base):
    base.best.unlink()
    for checkpoint in base.checkpoints():
        checkpoint.rmdir()
    with pytest.raises(UserError, match="has no checkpoint to start from"):
        compose("train", ["model=run", f"init.run={base.path}"])
