import math

import numpy as np
import pytest
from sacrebleu.metrics import BLEU, CHRF

from gpt_exp.interfaces import Prediction
from gpt_exp.task.metric.bootstrap import intervals, paired
from gpt_exp.task.metric.classification import ClassificationMetric
from gpt_exp.task.metric.exact_match import ExactMatch
from gpt_exp.task.metric.perplexity import Perplexity
from gpt_exp.task.metric.translation import TranslationMetric

KINDS = ClassificationMetric(["class", "constant", "function", "module"])
TRANSLATION = TranslationMetric(ter=False)


def rows(metric, predictions: list[Prediction]) -> np.ndarray:
    return np.stack([metric.statistics(each) for each in predictions])


def test_the_interval_of_a_share_is_the_binomials(kinds):
    table = rows(KINDS, kinds)
    share = KINDS.values(table.sum(0))["accuracy"]
    low, high = intervals(KINDS, table, samples=2000, seed=1)["accuracy"]
    half = 1.96 * math.sqrt(share * (1 - share) / len(kinds))
    assert (low, high) == pytest.approx((share - half, share + half), abs=0.15 * half)


def test_more_confidence_needs_a_wider_interval(kinds):
    table = rows(KINDS, kinds)
    narrow = intervals(KINDS, table, confidence=0.5, seed=1)
    wide = intervals(KINDS, table, confidence=0.99, seed=1)
    for name, value in KINDS.values(table.sum(0)).items():
        assert wide[name][0] < narrow[name][0] < value < narrow[name][1] < wide[name][1]


def test_intervals_of_bleu_and_chrf_are_as_wide_as_sacrebleus(summaries):
    outputs, references = [each.output for each in summaries], [[each.reference[0] for each in summaries]]
    pairs = [Prediction(each.output, each.reference[0]) for each in summaries]
    found = intervals(TRANSLATION, rows(TRANSLATION, pairs), samples=1000, seed=1)
    for name, scorer in (("bleu", BLEU()), ("chrf", CHRF())):
        theirs = scorer.corpus_score(outputs, references, n_bootstrap=1000)
        low, high = found[name]
        assert (high - low) / 2 == pytest.approx(theirs._ci, rel=0.2)
        assert low < theirs._mean < high


def test_a_seed_decides_what_is_drawn(kinds):
    table = rows(KINDS, kinds)
    assert intervals(KINDS, table, samples=50, seed=1) == intervals(KINDS, table, samples=50, seed=1)
    assert intervals(KINDS, table, samples=50, seed=1) != intervals(KINDS, table, samples=50, seed=2)


def test_a_model_does_not_differ_from_itself(summaries):
    table = rows(TRANSLATION, summaries)
    for found in paired(TRANSLATION, table, table, samples=100, seed=1).values():
        assert found == {"difference": 0, "low": 0, "high": 0, "p_value": 1}


def test_a_model_that_is_better_everywhere_is_better_in_every_sample(summaries):
    half = [each._replace(output=each.reference[0][: len(each.reference[0]) // 2]) for each in summaries]
    whole = [each._replace(output=each.reference[0]) for each in summaries]
    found = paired(TRANSLATION, rows(TRANSLATION, whole), rows(TRANSLATION, half), samples=199, seed=1)
    assert found["chrf"]["low"] > 0
    assert found["chrf"]["p_value"] == pytest.approx(2 / 200)  # The least that 199 samples can show.


def test_exchanged_models_exchange_signs_alone(kinds):
    first = rows(KINDS, kinds)
    second = rows(KINDS, [Prediction("function", each.reference) for each in kinds])
    there = paired(KINDS, first, second, samples=200, seed=1)
    back = paired(KINDS, second, first, samples=200, seed=1)
    for name, found in there.items():
        assert back[name]["p_value"] == found["p_value"]
        assert back[name]["difference"] == -found["difference"]
        assert (back[name]["low"], back[name]["high"]) == pytest.approx((-found["high"], -found["low"]))


def test_equally_good_models_rarely_differ():
    """5 % of comparisons of two models with the same chances should have p < 0.05."""
    right = np.random.default_rng(0).integers(2, size=(200, 2, 60, 1))  # (comparisons, models, examples, 1)
    tables = np.concatenate([right, np.ones_like(right)], axis=-1).astype(np.float64)
    found = [paired(ExactMatch(), a, b, samples=100, seed=1)["exact_match"]["p_value"] for a, b in tables]
    assert 0.01 < np.mean(np.array(found) < 0.05) < 0.1


def test_pairing_sees_what_two_intervals_do_not(kinds):
    """Two models that err on the same examples, one on a few more."""
    better, worse = rows(KINDS, kinds), rows(KINDS, kinds)
    right = [index for index, each in enumerate(kinds) if each.output == each.reference][:8]
    for index in right:
        worse[index] = KINDS.statistics(Prediction("private", kinds[index].reference))
    apart = [intervals(KINDS, table, seed=1)["accuracy"] for table in (worse, better)]
    assert apart[0][1] > apart[1][0]
    assert paired(KINDS, better, worse, seed=1)["accuracy"]["p_value"] < 0.01


def test_an_undefined_figure_is_not_significant():
    nothing = np.zeros((3, 2))  # No target in any prediction.
    assert math.isnan(paired(Perplexity(), nothing, nothing, samples=10, seed=1)["loss"]["p_value"])


def test_mistakes_are_told(kinds):
    table = rows(KINDS, kinds)
    with pytest.raises(ValueError, match="at least one prediction"):
        intervals(KINDS, table[:0], seed=1)
    with pytest.raises(ValueError, match="samples=0 must be at least 1"):
        intervals(KINDS, table, samples=0, seed=1)
    with pytest.raises(ValueError, match="confidence=95 must lie between 0 and 1"):
        intervals(KINDS, table, confidence=95, seed=1)
    with pytest.raises(ValueError, match="2 and 1 predictions: a paired test needs"):
        paired(KINDS, table[:2], table[:1], seed=1)
