"""A run of several tasks, asked for one of them."""

import json

import pytest

from gpt_exp import cli
from gpt_exp.evaluate_tasks import by_split
from gpt_exp.module.multi_task import normalised
from gpt_exp.run.folder import read_json
from gpt_exp.task.classification import HeadClassification
from gpt_exp.task.metric.dialogue import DialogueMetric
from gpt_exp.task.metric.translation import TranslationMetric
from gpt_exp.task.several import Several


def test_one_task_of_a_run_is_evaluated_and_asked_as_if_it_were_alone(train_several, capsys):
    folder = train_several("trainer.max_steps=4", names=("translation", "length", "case"))
    results = json.loads(folder.results.read_text())
    run = f"run={folder.path}"
    for name in ("length", "translation"):
        assert (
            cli.main(["evaluate", run, f"of={name}", "splits=[test]", "device=cpu", "precision=32-true"]) == 0
        )
        found = read_json(folder.path / "evaluation.json")[f"{name}.test"]
        assert found == pytest.approx(results["test"][name], rel=1e-5)
    assert read_json(folder.path / "evaluation.json").keys() == {"length.test", "translation.test"}
    assert cli.main(["generate", run, "of=translation", "prompt=Open", "device=cpu"]) == 0
    capsys.readouterr()
    for verb in ("evaluate", "generate"):
        assert cli.main([verb, run]) == 2
        assert "choose one: translation, length, case" in capsys.readouterr().err
        assert cli.main([verb, run, "of=lenght"]) == 2
        assert "Did you mean of=length?" in capsys.readouterr().err
    assert cli.main(["generate", run, "of=length", "prompt=Open"]) == 2
    assert "writes no text" in capsys.readouterr().err


def test_a_run_of_one_task_has_none_to_choose(train_pairs, capsys):
    folder = train_pairs("trainer.max_steps=2")
    assert cli.main(["evaluate", f"run={folder.path}", "of=translation"]) == 2
    assert "this run has one task" in capsys.readouterr().err


def test_a_score_is_the_mean_of_figures_from_0_to_1():
    task = Several({name: HeadClassification(labels=["a", "b"]) for name in ("one", "two")})
    found = {"one.val": {"accuracy": 0.5}, "two.val": {"accuracy": 1.0}, "two.test": {"accuracy": 1.0}}
    results = by_split(found, task)
    assert results["val"] == {"one": {"accuracy": 0.5}, "two": {"accuracy": 1.0}, "score": 0.75}
    assert results["test"] == {"two": {"accuracy": 1.0}}  # Of one task alone there is no common score.


def test_figures_of_any_scale_are_normalised():
    perplexity = DialogueMetric(max_turns=1)
    assert normalised(TranslationMetric(), 25.0) == 0.25
    assert normalised(perplexity, 1.0) == 1.0
    assert normalised(perplexity, 4.0) == 0.25
    assert normalised(perplexity, float("inf")) == normalised(perplexity, float("nan")) == 0.0
