"""Stages as their file and the command line have them, and their keys; nothing is trained."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from made_runs import TINY, create
from staged import OF_VERBS, STAGED, planned, write_experiment

from gpt_exp.config.location import conf_folder
from gpt_exp.config.stages import spelt, staged_file
from gpt_exp.config.verbs import of_stages
from gpt_exp.corpus.split import Split
from gpt_exp.errors import UserError
from gpt_exp.experiment.data import texts_of
from gpt_exp.experiment.parts import make
from gpt_exp.sweep.space.parameter import read_value

PAIRS = [f"multi30k/{part}.{side}" for part in ("train", "val", "test_2016_flickr") for side in ("en", "de")]
DATA = [*PAIRS, "sst2/train.tsv", "sst2/dev.tsv"]  # What our experiments look for.


@pytest.fixture
def plan(tmp_path):
    """The stages of the tiny experiment with these overrides, by name."""

    def make(*overrides: str, text: str = STAGED):
        write_experiment(tmp_path / "conf", text)
        return planned(tmp_path, *overrides)

    return make


def changed(first, second) -> list[str]:
    return [name for name in first if first[name].key != second[name].key]


def test_a_stage_begins_with_the_network_and_tokenizer_of_the_one_that_it_names(plan):
    stages = plan()
    assert stages["second"].config.init.run == str(stages["first"].path)
    assert stages["second"].config.model.embedding_dim == 16
    assert stages["second"].config.tokenizer.path == f"{stages['first'].path}/tokenizer"
    assert stages["side"].config.tokenizer.path == f"{stages['first'].path}/tokenizer"
    assert stages["third"].config.model.dropout == 0.1


def test_what_a_run_writes_lies_in_its_own_folder(plan):
    stage = plan("stages.side.logger=[tensorboard]")["side"]
    assert stage.config.logger.tensorboard.path == stage.config.paths.run == str(stage.path)
    assert stage.path.name == f"side-{stage.key[:8]}"


def test_which_checkpoint_is_best_or_last_is_left_to_the_training(plan):
    stages = plan("stages.third.init.checkpoint=step-00000005")
    asked = [stages[name].config.init.checkpoint for name in ("second", "third")]
    assert asked == ["best", "step-00000005"]
    other = ["stages.first.callback.checkpoint.best_of={bits: {metric: val/bits_per_byte, mode: min}}"]
    stage = plan(*other, "stages.second.init.checkpoint=best_bits")["second"]
    assert stage.config.init.checkpoint == "best_bits"
    stage = plan(*other, "stages.second.init.checkpoint=last")["second"]
    assert stage.config.init.checkpoint == "last"
    with pytest.raises(UserError, match="no checkpoint 'best_bit'; did you mean best_bits"):
        plan(*other, "stages.second.init.checkpoint=best_bit")
    assert plan("stages.second.init.checkpoint=last")["second"].config.init.checkpoint == "last"


@pytest.mark.parametrize(
    ("override", "runs_again"),
    [
        ("stages.first.seed=5", ["first", "second", "side", "third"]),
        ("stages.second.optimizer.lr=0.5", ["second", "third"]),
        ("stages.side.seed=5", ["side"]),
        ("stages.third.seed=5", ["third"]),
        ("stages.second.init.checkpoint=last", ["second", "third"]),
        ("seed=5", ["first", "second", "side", "third"]),
        ("stages.second.callback.checkpoint.monitor=val/perplexity", ["second", "third"]),
        ("stages.second.callback.checkpoint.best_of={bits: {metric: val/loss}}", ["second", "third"]),
        ("callback.checkpoint.keep_last=3", []),
        ("name=elsewhere", []),
        ("num_workers=1", []),
        ("stages.first.logger=none", []),
    ],
)
def test_a_change_concerns_its_stage_and_what_hangs_on_it(plan, override, runs_again):
    assert changed(plan(), plan(override)) == runs_again


def test_keys_do_not_hang_on_where_the_outputs_lie(plan, tmp_path):
    assert not changed(
        plan(), plan(f"paths.outputs={tmp_path / 'other'}", f"paths.cache={tmp_path / 'cache'}")
    )


def test_other_data_in_the_same_file_is_another_stage(plan, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("Some words. " * 500)
    before = plan(f"stages.second.data.paths=[{text}]")
    text.write_text("Some wordz. " * 500)
    assert changed(before, plan(f"stages.second.data.paths=[{text}]")) == ["second", "third"]


def test_another_tokenizer_in_the_same_file_is_another_stage(plan, tmp_path):
    given = f"stages.side.tokenizer.path={tmp_path / 'tokenizer.json'}"
    (tmp_path / "tokenizer.json").write_text("one")
    before = plan(given)
    (tmp_path / "tokenizer.json").write_text("another")
    assert changed(before, plan(given)) == ["side"]


def test_the_best_of_a_run_that_is_no_stage_is_part_of_what_is_made_of_it(plan, tmp_path):
    run = create(tmp_path, "run", TINY)
    for step in (10, 20):
        run.checkpoint(step).mkdir(parents=True)
    given = f"stages.judge.run={run.path}"
    before = plan(given, text=OF_VERBS)
    run.best.write_text('{"step": 10}')
    assert changed(before, plan(given, text=OF_VERBS)) == ["judge"]


def test_the_file_says_for_all_a_stage_for_itself_and_the_command_line_most(plan):
    stages = plan()
    assert [stages[name].config.trainer.max_steps for name in stages] == [10, 10, 10, 6]
    stages = plan("trainer.max_steps=3")
    assert [stages[name].config.trainer.max_steps for name in stages] == [3, 3, 3, 3]
    stages = plan("trainer.max_steps=3", "stages.side.trainer.max_steps=4")
    assert [stages[name].config.trainer.max_steps for name in stages] == [3, 3, 4, 3]


def test_options_of_a_stage_are_chosen_on_the_command_line(plan):
    stages = plan("stages.second.optimizer=muon", "~stages.third.callback.checkpoint")
    assert stages["second"].config.optimizer._target_.endswith(".muon")
    assert "adamw" in stages["third"].config.optimizer._target_
    assert not stages["third"].config.callback


@pytest.mark.parametrize(
    ("override", "line"),
    [
        (
            "stages.thrid.seed=1",
            "stages.thrid.seed: no such stage; there is first, second, side, third (command line). "
            "Did you mean stages.third.seed?",
        ),
        (
            "stages.third.init.run=stage:secnd",
            "stages.third.init.run: stage:secnd: no such stage; before third there is first, second, side "
            "(command line). Did you mean stage:second?",
        ),
        (
            "stages.second.init.run=stage:third",
            "stages.second.init.run: stage:third comes later; a stage takes from an earlier one; "
            "before second there is first (command line)",
        ),
        (
            "stages.first.init.run=stage:first",
            "stages.first.init.run: stage:first is this very stage; before first there is none",
        ),
        (
            "stages.third.optimizer.lrr=1",
            "stages.third.optimizer.lrr: no such key (command line). Did you mean stages.third.optimizer.lr?",
        ),
        ("stages.third.optimizer=adamv", "stages.third: optimizer=adamv: no such option; there is "),
        ("stages.third.batch_size=0", "stages.third.batch_size: "),
        ("paths.run=here", "paths.run: stages lie at outputs/NAME/STAGE-KEY"),
        ("resume=outputs/x", "resume: the same command goes on"),
        ("stages.third=5", "stages.third: say its keys one by one"),
    ],
)
def test_mistakes_are_told_in_a_line_that_names_the_stage(plan, override, line):
    with pytest.raises(UserError) as error:
        plan(override)
    assert str(error.value).startswith(line)
    assert "\n" not in str(error.value)


def test_a_mistake_in_the_file_is_told_with_its_line(plan):
    text = STAGED.replace("model.dropout: 0.1", "model.dropuot: 0.1")
    number = text.splitlines().index("    model.dropuot: 0.1") + 1
    with pytest.raises(
        UserError, match=rf"^stages\.third\.model\.dropuot: no such key \(.*staged\.yaml:{number}\)"
    ):
        plan(text=text)


def test_mistakes_of_several_stages_are_told_together(plan):
    with pytest.raises(UserError) as error:
        plan("stages.side.batch_size=0", "stages.third.optimizer.lr=-1")
    assert [line.partition(":")[0] for line in str(error.value).splitlines()] == [
        "stages.side.batch_size",
        "stages.third.optimizer.lr",
    ]


def test_a_mistake_in_the_last_stage_leaves_nothing_behind(tmp_path):
    write_experiment(tmp_path / "conf", STAGED)
    command = [sys.executable, "-m", "gpt_exp", "train", "--config-dir", "conf", "experiment=staged"]
    done = subprocess.run(
        [*command, "stages.third.optimizer.lr=-1"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: stages.third.optimizer.lr: -1 ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "outputs").exists()


def test_a_verbs_stage_has_its_own_overrides_and_of_the_others_the_values_that_it_takes(plan):
    told = ["trainer.max_steps=3", "seed=5", "decode=beam", "batch_size=4", "name=other"]
    judge = plan(*told, text=OF_VERBS)["judge"]
    assert judge.verb == "evaluate"
    assert set(judge.config.splits) == {"test"}
    assert [judge.config.seed, judge.config.batch_size, judge.config.name] == [5, 4, "other"]
    assert not {"decode", "trainer"} & set(judge.config)
    assert judge.config.paths.run == str(judge.path)
    assert judge.path.parent.name == "other"


@pytest.mark.parametrize(
    ("override", "runs_again"),
    [
        ("stages.tune.seed=5", ["tune", "said", "augmented", "judge"]),
        ("stages.said.seed=5", ["said", "augmented", "judge"]),
        ("stages.said.decode=beam", ["said", "augmented", "judge"]),
        ("stages.judge.splits=[val]", ["judge"]),
        ("stages.judge.decode=beam", ["judge"]),
        ("trainer.max_steps=3", ["pretrain", "multi", "tune", "said", "augmented", "judge"]),
        ("trainer.log_every_n_steps=2", []),
    ],
)
def test_a_change_before_a_verbs_stage_concerns_it_and_one_of_it_what_comes_after(plan, override, runs_again):
    assert changed(plan(text=OF_VERBS), plan(override, text=OF_VERBS)) == runs_again


@pytest.mark.parametrize(
    ("override", "line"),
    [
        (
            "stages.judge.verb=evalute",
            "stages.judge.verb: evalute is nothing that a stage does; there is train, back_translate, "
            "evaluate, pseudo_label (command line). Did you mean verb: evaluate?",
        ),
        (
            "stages.judge.splitts=[val]",
            "stages.judge.splitts: no such key (command line). Did you mean ",
        ),
        ("stages.judge.batch_size=0", "stages.judge.batch_size: 0 must be at least 1 (command line)"),
        (
            "stages.judge.splits=[val,tset]",
            "stages.judge.splits: the data have train, val, test, not tset (command line). "
            "Did you mean stages.judge.splits=[test]?",
        ),
        ("stages.judge.run=stage:said", "stages.judge.run: stage:said has no checkpoint, and so no network"),
        ("stages.augmented.init.run=stage:said", "stages.augmented: init.run=stage:said holds no network"),
        (
            "stages.judge.checkpoint=bset",
            "stages.judge.checkpoint: stage:augmented has no checkpoint 'bset'; did you mean best?",
        ),
        ("stages.judge.of=there", "stages.judge.of: this run has one task, and of chooses one of several"),
        ("stages.judge.run=stage:multi", "stages.judge.of: this run has several tasks, choose one: there, "),
        ("stages.judge.run=outputs/x", "stages.judge.run: outputs/x is not a run folder"),
        (
            "stages.augmented.augmentation.back_translation.path=stage:said/sad.jsonl",
            "stages.augmented.augmentation.back_translation.path: stage:said writes said.jsonl, not "
            "sad.jsonl (command line). Did you mean stage:said/said.jsonl?",
        ),
        (
            "stages.said.num_paraphrases=2",
            "stages.said.num_paraphrases: 2 different ones come of decode=",
        ),
    ],
)
def test_mistakes_in_a_verbs_stage_are_told_before_anything_starts(plan, override, line):
    with pytest.raises(UserError) as error:
        plan(override, text=OF_VERBS)
    assert str(error.value).startswith(line)
    assert "\n" not in str(error.value)


def test_every_verb_of_stages_can_be_told_where_to_write():
    for verb in of_stages():
        assert "run" in yaml.safe_load((conf_folder() / f"{verb}.yaml").read_text())["paths"]


@pytest.mark.parametrize(
    "value",
    [None, True, 3, 0.25, "text", "a b", "it's", "${seed}", "1e-3", [1, "a, b"], {"a": [None]}, "", "null"],
)
def test_values_are_spelt_so_that_hydra_reads_them_back(value):
    assert read_value(spelt(value)) == value


@pytest.mark.parametrize(
    "experiment",
    [file.stem for file in (conf_folder() / "experiment").glob("*.yaml") if "\nstages:" in file.read_text()],
)
def test_our_staged_experiments_can_be_carried_out(experiment, tmp_path):
    assert staged_file([f"experiment={experiment}"]) is not None
    for file in DATA:
        (tmp_path / "data" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / file).write_text("text\tlabel\n")
    wants_root = "data.root=" in staged_file([f"experiment={experiment}"]).read_text()
    root = [f"data.root={tmp_path / 'data'}"] * wants_root
    stages = planned(tmp_path, *root, experiment=experiment, config_dir=None)
    assert len(stages) >= 5
    assert {"evaluate", "pseudo_label"} & {stage.verb for stage in stages.values()}


def test_self_training_begins_from_text_without_its_labels(tmp_path):
    (tmp_path / "sst2").mkdir()
    for file in ("train.tsv", "dev.tsv"):
        (tmp_path / "sst2" / file).write_text("a good film\t1\na bad one\t0\n")
    root = f"data.root={tmp_path}"
    config = planned(tmp_path, root, experiment="staged_self_training", config_dir=None)["pretrain"].config
    texts = texts_of(make(config.data), make(config.task), Split(**config.split))
    assert {piece.text for piece in texts.pieces()} <= {"a good film", "a bad one"}


def test_an_experiment_without_stages_is_none(tmp_path):
    assert staged_file(["experiment=pretrain_demo"]) is None
    assert staged_file(["model=gpt_nano"]) is None
    assert Path(str(staged_file(["experiment=staged_summarization"]))).stem == "staged_summarization"
