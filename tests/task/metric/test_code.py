"""Tests that passed are counted where there are tests; texts are compared everywhere."""

import math

import pytest
from sacrebleu.metrics import BLEU

from gpt_exp.interfaces import Prediction
from gpt_exp.task.metric.code import CodeMetric

RIGHT = "    return sum(a * b for a, b in zip(first, second))"
OTHER = "    return self._stream.read(size)"


def prediction(attempts: list[str], outcomes: list[str] | None, reference: str = RIGHT) -> Prediction:
    return Prediction({"attempts": attempts, "outcomes": outcomes}, reference)


def test_problems_without_tests_change_no_pass_rate():
    metric = CodeMetric(ks=(1, 2))
    tested = prediction([OTHER, RIGHT], ["failed", "passed"])
    metric.update([tested])
    alone = {name: float(value) for name, value in metric.compute().items()}
    assert (alone["pass@1"], alone["pass@2"], alone["tested"]) == (0.5, 1, 1)
    metric.update([prediction([RIGHT, RIGHT], None)])
    both = metric.compute()
    assert (float(both["pass@1"]), float(both["tested"])) == (0.5, 1)
    assert float(both["exact_match"]) == 50  # Of the first attempts.


def test_without_any_test_there_is_no_rate():
    metric = CodeMetric()
    metric.update([prediction([RIGHT], None)])
    assert math.isnan(metric.compute()["pass@1"])


def test_bleu_is_that_of_the_first_attempts_as_a_corpus():
    metric = CodeMetric()
    metric.update([prediction([RIGHT], None), prediction([OTHER], ["failed"])])
    expected = BLEU().corpus_score([RIGHT, OTHER], [[RIGHT, RIGHT]]).score
    assert float(metric.compute()["bleu"]) == pytest.approx(expected)


def test_what_passes_stands_before_what_looks_alike():
    metric = CodeMetric()
    alike, passing = prediction([RIGHT], ["failed"]), prediction([OTHER], ["passed"])
    assert metric.score(passing) > metric.score(alike) > metric.score(prediction([OTHER], ["failed"]))
