"""What holds for every metric: its figures are a function of sums over predictions."""

import copy
import pickle

import numpy as np
import pytest

from gpt_exp.interfaces import Prediction
from gpt_exp.task.metric.base import SumMetric
from gpt_exp.task.metric.classification import ClassificationMetric
from gpt_exp.task.metric.description import DescriptionMetric
from gpt_exp.task.metric.exact_match import ExactMatch
from gpt_exp.task.metric.pass_at_k import PassAtK
from gpt_exp.task.metric.perplexity import Perplexity
from gpt_exp.task.metric.question_answering import ExactMatchF1
from gpt_exp.task.metric.ranking import Ranking
from gpt_exp.task.metric.rouge import Rouge
from gpt_exp.task.metric.translation import TranslationMetric

METRICS = {
    "translation": TranslationMetric,
    "description": DescriptionMetric,
    "rouge": Rouge,
    "question_answering": ExactMatchF1,
    "exact_match": ExactMatch,
    "classification": lambda: ClassificationMetric(["class", "constant", "function", "module"]),
    "ranking": Ranking,
    "pass_at_k": lambda: PassAtK(ks=(1, 5)),
    "perplexity": Perplexity,
}
FIXTURES = {"classification": "kinds", "ranking": "initials", "pass_at_k": "kinds", "perplexity": "lines"}


@pytest.fixture(params=METRICS)
def case(request) -> tuple[SumMetric, list[Prediction]]:
    predictions = request.getfixturevalue(FIXTURES.get(request.param, "summaries"))[::3]
    if request.param == "pass_at_k":  # The names of one module, ten at a time, are attempts at one problem.
        right = [each.output == each.reference for each in request.getfixturevalue("kinds")]
        predictions = [Prediction(right[i : i + 10], None) for i in range(0, len(right) - 10, 10)]
    return METRICS[request.param](), predictions


def figures(metric: SumMetric) -> dict[str, float]:
    return {name: value.item() for name, value in metric.compute().items()}


def test_figures_are_the_same_however_predictions_are_spread_over_batches(case):
    whole, predictions = case
    whole.update(predictions)
    parts = copy.deepcopy(whole)
    parts.reset()
    for each in ([], predictions[:1], predictions[1:12], predictions[12:]):
        parts.update(each)
    assert figures(parts) == pytest.approx(figures(whole), rel=1e-12)
    assert len(set(figures(whole).values())) > 1 or len(figures(whole)) == 1


def test_devices_that_add_their_sums_agree_with_one(case):
    whole, predictions = case
    first, second = copy.deepcopy(whole), copy.deepcopy(whole)
    whole.update(predictions)
    first.update(predictions[:5])
    second.update(predictions[5:])
    np.testing.assert_allclose((first.sums + second.sums).numpy(), whole.sums.numpy(), rtol=1e-12)
    first.merge_state(second)
    assert figures(first) == pytest.approx(figures(whole), rel=1e-12)


def test_rows_of_statistics_sum_to_the_state(case):
    metric, predictions = case
    metric.update(predictions)
    rows = np.stack([metric.statistics(each) for each in predictions])
    assert rows.dtype == np.float64
    assert metric.values(rows.sum(0)) == pytest.approx(figures(metric), rel=1e-12)


def test_main_is_a_figure_and_its_score_tells_predictions_apart(case):
    metric, predictions = case
    metric.update(predictions)
    assert metric.main in figures(metric)
    scores = {metric.score(each) for each in predictions}
    assert len(scores) > 1 or isinstance(metric, ExactMatch)


def test_a_metric_can_be_sent_to_another_process(case):
    metric, predictions = case
    sent = pickle.loads(pickle.dumps(metric))
    sent.update(predictions)
    metric.update(predictions)
    assert figures(sent) == figures(metric)


def test_over_no_prediction_nothing_is_claimed(case):
    metric, _ = case
    values = metric.values(np.zeros_like(metric.sums.numpy()))
    assert all(np.isnan(value) or value == 0 for value in values.values())
