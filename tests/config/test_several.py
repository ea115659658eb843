"""What is wrong with a config of several tasks, and each task's own config."""

import pytest
from omegaconf import OmegaConf

from gpt_exp.config import jobs
from gpt_exp.config.compose import compose
from gpt_exp.config.cost import vocabulary
from gpt_exp.config.record_length import record_length
from gpt_exp.config.resolve import resolve
from gpt_exp.config.several import alone
from gpt_exp.errors import UserError

EMBEDDED = "experiment=multi_task_embedded"


def problems(*overrides):
    try:
        return [str(each) for each in jobs.composed("train", overrides, None, "train").problems]
    except UserError as error:
        return str(error).splitlines()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            ["tasks.sumarization.weight=2"],
            "no such key (command line). Did you mean tasks.summarization.weight?",
        ),
        (["tasks.summarization.wieght=2"], "Did you mean tasks.summarization.weight?"),
        (["tasks.summarization.weight=two"], "tasks.summarization.weight: expected float"),
        (["tasks.summarization.weight=-1"], "tasks.summarization.weight: -1 must be at least 0"),
        (
            ["tasks.summarization.split.val_fractoin=0.1"],
            "Did you mean tasks.summarization.split.val_fraction?",
        ),
        (["tasks.recommendation.split.val_fraction=2"], "tasks.recommendation.split: split.val_fraction=2"),
        (
            ["tasks.summarization.data.min_charactres=3"],
            "Did you mean tasks.summarization.data.min_characters?",
        ),
        (
            ["+data@tasks.new.data=imports"],
            "tasks.new.task: needs one, as in /task@tasks.new.task",
        ),
        (["mixture=explicit", "mixture.weights={sumarization: 1}"], "Did you mean summarization?"),
        (["mixture=explicit", "mixture.weights={summarization: 0}"], "summarization: 0 must be more than 0"),
        (["mixture=adaptive", "num_workers=2"], "num_workers: 2 must be 0 where the mixture adapts"),
        (["mixture=adaptive", "only=summarization"], "only: an adaptive mixture has no shares before"),
        (["balance=fixed", "balance.weights={sumarization: 1}"], "Did you mean summarization?"),
        (["augmentation=[random_swap]"], "augmentation: of several tasks each has its own"),
        (["module=fine_tuning"], "module: several tasks need module=multi_task"),
        (
            ["+adapter@tasks.summarization.adapter=lora", "tasks.summarization.adapter.rank=0"],
            "tasks.summarization.adapter.rank: 0 must be at least 1",
        ),
        (
            ["+adapter@tasks.summarization.adapter=lora", "tasks.summarization.adapter.rnak=2"],
            "Did you mean tasks.summarization.adapter.rank?",
        ),
        (
            ["+adapter@tasks.summarization.adapter=head"],
            "tasks.summarization.adapter: a task's own is low-rank: lora or dora",
        ),
        (
            [
                "+adapter@tasks.summarization.adapter=lora",
                "tasks.summarization.adapter.train_embeddings=true",
            ],
            "tasks.summarization.adapter.train_embeddings: all tasks read the same embeddings",
        ),
        (
            ["+adapter@tasks.summarization.adapter=lora", "adapter=dora"],
            "adapter: low-rank on the whole model, and tasks.summarization has its own",
        ),
        (["only=sumarization"], "only: sumarization is no task; there is"),
        (["only=sumarization"], "Did you mean summarization?"),
        (["only=summarization", "module.unit=step"], "only: needs module.unit=example"),
        (["module.unit=batch"], "module.unit: expected one of example, step"),
    ],
)
def test_a_mistake_is_told_in_a_line(given, told):
    found = problems(EMBEDDED, *given)
    assert any(told in line for line in found), found


def test_several_tasks_and_their_module_need_each_other():
    assert any("module=multi_task needs some" in line for line in problems("module=multi_task"))
    assert any("mixture: is of several tasks" in line for line in problems("mixture=uniform"))
    assert any("only: chooses one of several tasks" in line for line in problems("only=translation"))


def test_a_file_that_a_task_lacks_is_told_with_its_key():
    found = problems(EMBEDDED, "data@tasks.summarization.data=tsv", "tasks.summarization.data.train=/no/file")
    assert any(line.startswith("tasks.summarization.data.train") for line in found), found


def test_recipes_have_no_problems(tmp_path):
    assert not problems(EMBEDDED)
    (tmp_path / "multi30k").mkdir()
    assert any("data.root" in line for line in problems("experiment=multi_task_four"))


def test_a_task_s_own_config_is_that_of_a_run_of_it_alone():
    config = compose("train", [EMBEDDED, "tasks.recommendation.task.k=5", "split.val_fraction=0.3"])
    summarization, recommendation = (alone(config, name) for name in ("summarization", "recommendation"))
    assert summarization.task._target_.endswith("Summarization")
    assert summarization.split.test_fraction == 0.15
    assert recommendation.task.k == 5
    assert recommendation.split.val_fraction == 0.3  # That of all, where a task has none of its own.
    assert recommendation.decode == config.decode
    assert not recommendation.tasks
    assert OmegaConf.to_container(config)["task"] != OmegaConf.to_container(recommendation)["task"]


def test_a_record_s_length_is_the_mixture_s_mean(tmp_path):
    """Of 2 and of 6 characters, three times as many of the latter."""
    files = {"short": ["ab"] * 10, "long": ["abcdef"] * 30}
    given = ["module=multi_task", "mixture=proportional", "tokenizer=character", "model.vocab_size=99"]
    for name, texts in files.items():
        rows = [f"{text}\t\n" for text in texts]
        (tmp_path / f"{name}.tsv").write_text("source\ttarget\n" + "".join(rows))
        given += [f"+task@tasks.{name}.task=translation", f"+data@tasks.{name}.data=tsv"]
        given.append(f"tasks.{name}.data.train={tmp_path / name}.tsv")
    config = resolve(compose("train", given)).config
    one, other = (record_length({**config, **config["tasks"][name], "tasks": {}}, 64).mean for name in files)
    assert other > one
    assert record_length(config, 64).mean == pytest.approx((one + 3 * other) / 4)


def test_a_vocabulary_with_items_is_known_when_they_are_counted():
    config = resolve(compose("train", [EMBEDDED])).config
    assert vocabulary(config) == (1024, False)
