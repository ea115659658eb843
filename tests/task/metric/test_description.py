import pytest
import sacrebleu

from gpt_exp.interfaces import Prediction
from gpt_exp.task.metric.description import DescriptionMetric
from gpt_exp.task.metric.exact_match import ExactMatch


def test_bleu_is_sacrebleus_and_exact_match_our_own(summaries):
    pairs = [Prediction(each.output, each.reference[0]) for each in summaries]
    pairs += [Prediction(each.output, each.output + "\n") for each in summaries[:5]]
    metric, exact = DescriptionMetric(), ExactMatch()
    metric.update(pairs)
    exact.update(pairs)
    bleu = sacrebleu.corpus_bleu([each.output for each in pairs], [[each.reference for each in pairs]])
    assert metric.compute()["bleu"].item() == pytest.approx(bleu.score, abs=1e-9)
    assert metric.compute()["exact_match"] == exact.compute()["exact_match"] > 0


def test_a_right_short_description_scores_more_than_a_wrong_one():
    metric = DescriptionMetric()
    right, near = Prediction("red apple", "red apple"), Prediction("red apples", "red apple")
    wrong = Prediction("green book", "red apple")
    assert metric.score(right) == pytest.approx(100)
    assert metric.score(right) > metric.score(near) > metric.score(wrong)
