"""A config's mistakes, each told in a line with its key, its place and the nearest right name."""

from pathlib import Path

import pytest

from gpt_exp.config.compose import compose
from gpt_exp.errors import UserError


def complaint(*overrides: str, config_dir: Path | None = None) -> str:
    with pytest.raises(UserError) as error:
        compose("train", list(overrides), None if config_dir is None else str(config_dir))
    return str(error.value)


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("model.num_layer=4", "model.num_layer: no such key (command line). Did you mean model.num_layers?"),
        (
            "+trainer.max_step=5",
            "trainer.max_step: no such key (command line). Did you mean trainer.max_steps?",
        ),
        (
            "++trainer.max_step=5",
            "trainer.max_step: no such key (command line). Did you mean trainer.max_steps?",
        ),
        (
            "~trainer.max_step",
            "trainer.max_step: no such key (command line). Did you mean trainer.max_steps?",
        ),
        ("lr=1", "lr: no such key (command line). Did you mean optimizer.lr?"),
        ("optimiser=muon", "optimiser: no such key (command line). Did you mean optimizer?"),
        ("trainer.gradient_clip_algoritm=norm", "Did you mean trainer.gradient_clip_algorithm?"),
        ("split.val_fration=0.1", "Did you mean split.val_fraction?"),
        ("optimizer=muo", "Did you mean optimizer=muon?"),
        ("callback=[progres]", "Did you mean callback=progress?"),
        ("seed=x", "seed: expected int, got 'x' (command line)"),
        ("model.num_layers=6.0", "expected int, got 6.0 (command line). Did you mean model.num_layers=6?"),
        ("schedule.max_steps=null", "schedule.max_steps: expected int, got null (command line)"),
        ("trainer.max_steps=true", "trainer.max_steps: expected int, got true (command line)"),
        ("name=${nam}", "name: ${nam} names nothing (command line). Did you mean ${name}?"),
        ("data=text", "data.paths: needs a value, as in data.paths=... (conf/data/text.yaml:2)"),
        ("seed=1,2", "seed=1,2: several values need -m, or [brackets] for a list (command line)"),
        (
            "experiment pretrain_demo",
            "'experiment pretrain_demo' cannot be read: an override is written key=value",
        ),
        ("~model", "model: choose one of "),
    ],
)
def test_a_mistake_is_one_line(override: str, line: str) -> None:
    told = complaint(override)
    assert line in told.replace("cannot be read", "cannot be read").replace("': cannot", "' cannot")
    assert "\n" not in told


@pytest.mark.parametrize("key", ["temperature", "top_k", "top_p", "min_p", "no_repeat_ngram_size"])
def test_a_setting_of_a_part_is_found_by_its_last_name(key: str) -> None:
    with pytest.raises(UserError, match=rf"no such key \(command line\)\. Did you mean decode\.{key}\?"):
        compose("generate", ["run=outputs/run", f"{key}=1"])


def test_all_mistakes_are_told_at_once() -> None:
    lines = complaint("model.num_layer=4", "seed=x", "trainer.strategy={_target_: os.system}").splitlines()
    assert len(lines) == 3


def test_a_parameter_that_no_yaml_mentions_is_taken() -> None:
    assert compose("train", ["trainer.benchmark=true"]).trainer.benchmark is True


def test_numbers_without_a_point_are_numbers() -> None:
    assert compose("train", ["optimizer.lr=1e-3"]).optimizer.lr == 0.001


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "experiment").mkdir()
    return tmp_path


def test_a_mistake_in_a_file_is_told_with_its_line(own: Path) -> None:
    file = own / "experiment" / "mine.yaml"
    file.write_text("# @package _global_\nseed: 3\nmodel:\n  num_layer: 4\n")
    assert complaint("experiment=mine", config_dir=own) == (
        f"model.num_layer: no such key ({file}:4). Did you mean model.num_layers?"
    )


def test_an_option_that_a_file_names_wrongly(own: Path) -> None:
    text = "# @package _global_\ndefaults:\n  - override /optimizer: muo\n"
    (own / "experiment" / "mine.yaml").write_text(text)
    assert complaint("experiment=mine", config_dir=own).endswith("Did you mean optimizer=muon?")


def test_a_file_that_is_no_yaml(own: Path) -> None:
    (own / "experiment" / "mine.yaml").write_text("# @package _global_\nseed: 3\n  x: [\n")
    told = complaint("experiment=mine", config_dir=own)
    assert "mine.yaml:3" in told
    assert "\n" not in told


def test_a_key_of_ones_own_must_be_read_by_something(own: Path) -> None:
    file = own / "experiment" / "mine.yaml"
    file.write_text("# @package _global_\nwidth: 128\nmodel:\n  embedding_dim: ${width}\n  num_heads: 4\n")
    assert compose("train", ["experiment=mine"], str(own)).model.embedding_dim == 128
    file.write_text("# @package _global_\nbatch_sise: 128\n")
    assert complaint("experiment=mine", config_dir=own).endswith("Did you mean batch_size?")


def test_ones_own_option_wins_over_ours(own: Path) -> None:
    (own / "experiment" / "pretrain_demo.yaml").write_text("# @package _global_\nseed: 99\n")
    assert compose("train", ["experiment=pretrain_demo"], str(own)).seed == 99
