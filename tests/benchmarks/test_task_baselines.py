"""Baselines know the training part alone, and are judged by the task's own metric."""

import math

import numpy as np
import pytest
import task_baselines
from omegaconf import OmegaConf

from gpt_exp.experiment.data import Data
from gpt_exp.task.code import Code
from gpt_exp.task.dialogue import Dialogue
from gpt_exp.task.execution.assertions import Assertions
from gpt_exp.task.summarization import Summarization
from gpt_exp.tokenizer.byte import byte

MODEL = {
    "_target_": "gpt_exp.model.gpt2.GPT2",
    "vocab_size": 257,
    "context_length": 64,
    "num_layers": 1,
    "num_heads": 2,
    "embedding_dim": 16,
}
CONFIG = OmegaConf.create(
    {"seed": 1, "model": MODEL, "decode": {"_target_": "gpt_exp.decoding.greedy.Greedy"}}
)


def known(task, **parts) -> task_baselines.Known:
    return task_baselines.Known(CONFIG, Data(byte(), parts, {}), parts, task)


def test_a_lead_is_the_first_lines():
    record = {"source": "\nSplit a string.\nOnce.\nAt the left.\nOr not.", "target": "Split."}
    found = task_baselines.leads(known(Summarization(template="{source}"), train=[], test=[record]))
    assert {name: each[0].output for name, each in found.items()} == {
        "lead-1": "Split a string.",
        "lead-3": "Split a string.\nOnce.\nAt the left.",
    }


def test_bodies_are_those_of_training_and_are_run():
    def function(name: str, body: str) -> dict[str, str]:
        return {"name": name, "signature": f"def {name}(x):", "body": f"    {body}", "docstring": ""}

    train = [function("twice", "return 2 * x"), function("a", "pass"), function("b", "pass")]
    test = [function("twice", "return x + x"), function("thrice", "return 3 * x")]
    tests = Assertions(program="{signature}\n{answer}", tests="assert {name}(1) in (2, 3)")
    found = task_baselines.bodies(known(Code(template="{signature}\n", tests=tests), train=train, test=test))
    assert [each.output["outcomes"] for each in found["always 'pass'"]] == [["failed"], ["failed"]]
    assert [each.output["outcomes"] for each in found["of a function of that name"]] == [
        ["passed"],
        ["failed"],
    ]


def test_unigrams_are_those_of_training_answers():
    def conversation(question: str, answer: str) -> dict:
        return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}

    task = Dialogue(roles={"user": "U:", "assistant": "A:"}, max_turns=1, max_new_tokens=2)
    parts = {"train": [conversation("zzz", "aaab")], "test": [conversation("b", "ab")]}
    (found,) = task_baselines.unigrams(known(task, **parts))["unigrams of the answers"]
    counts = {" ": 2, "a": 4, "b": 2, "end": 2}  # One added; the other 253 tokens have one each.
    expected = -sum(math.log(count / (10 + 253)) for count in counts.values())
    assert found.output["nats"] == pytest.approx([expected])
    assert np.array_equal(found.output["num_targets"], [4])
