"""From a signature and a docstring to a body that is run."""

import pytest
import torch

from gpt_exp.decoding.beam import Beam
from gpt_exp.decoding.greedy import Greedy
from gpt_exp.decoding.sampling import Sampling
from gpt_exp.interfaces import IGNORE_INDEX
from gpt_exp.model.gpt2 import GPT2
from gpt_exp.task.code import Code
from gpt_exp.task.execution.assertions import Assertions
from gpt_exp.tokenizer.byte import byte

TEMPLATE = '{signature}\n    """{docstring}"""\n'
RECORD = {
    "signature": "def double(number):",
    "docstring": "Twice the number.",
    "body": "    return 2 * number",
    "tests": "assert double(4) == 8",
}


def test_the_body_with_its_indentation_carries_loss():
    example = Code(template=TEMPLATE).example(RECORD, byte(), context_length=128)
    learnt = example.tokens[1:][example.is_target]
    assert byte().decode(learnt[:-1].tolist()) == RECORD["body"]
    assert learnt[-1] == byte().end_of_text
    batch = Code(template=TEMPLATE).collate([example])
    assert int((batch.targets != IGNORE_INDEX).sum()) == len(learnt)


def test_attempts_are_run_with_the_tests_of_their_record(monkeypatch):
    bodies = iter([["    return 2 * number"], ["    return number"], ["    return number + 4"]])
    tests = Assertions(program="{signature}\n{answer}", tests="{tests}")
    task = Code(template=TEMPLATE, tests=tests, num_samples=3, ks=[1, 3])
    monkeypatch.setattr(task, "generate", lambda *given, **how: next(bodies))
    (prediction,) = task.predict(None, [RECORD], byte(), Sampling())
    assert prediction.output["outcomes"] == ["passed", "failed", "passed"]
    values = task.metric().values(task.metric().statistics(prediction))
    assert values["pass@1"] == pytest.approx(2 / 3)
    assert values["pass@3"] == 1


def test_attempts_differ_and_are_the_same_in_any_batch():
    torch.manual_seed(0)
    model = GPT2(vocab_size=257, context_length=96, num_layers=1, num_heads=2, embedding_dim=16)
    task = Code(template=TEMPLATE, num_samples=2, ks=[1], max_new_tokens=8)
    other = RECORD | {"docstring": "A number and itself."}
    alone = task.predict(model, [RECORD], byte(), Sampling())
    together = task.predict(model, [other, RECORD], byte(), Sampling())
    assert alone[0].output["attempts"] == together[1].output["attempts"]
    first, second = alone[0].output["attempts"]
    assert first != second


def test_fewer_attempts_than_k_are_told():
    with pytest.raises(ValueError, match=r"num_samples=1 must be at least max\(task\.ks\)=10"):
        Code(template=TEMPLATE, ks=[1, 10])


@pytest.mark.parametrize("decoding", [Greedy(), Beam(num_beams=2), Sampling(temperature=0)])
def test_attempts_that_would_be_equal_are_told(decoding):
    task = Code(template=TEMPLATE, num_samples=2)
    with pytest.raises(ValueError, match=r"task\.num_samples=2 attempts would be equal: decode=sampling"):
        task.predict(None, [RECORD], byte(), decoding)
