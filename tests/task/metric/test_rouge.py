import socket
from statistics import mean

import pytest
from rouge_score.rouge_scorer import RougeScorer

from gpt_exp.interfaces import Prediction
from gpt_exp.task.metric.rouge import Rouge


def computed(metric: Rouge, predictions: list[Prediction]) -> dict[str, float]:
    metric.update(predictions)
    return {name: value.item() for name, value in metric.compute().items()}


@pytest.mark.parametrize("stemmer", [False, True])
def test_figures_are_means_of_rouge_scores(summaries, stemmer):
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=stemmer)
    scores = [scorer.score(each.reference[0], each.output) for each in summaries]
    found = computed(
        Rouge(stemmer=stemmer), [Prediction(each.output, each.reference[0]) for each in summaries]
    )
    for name, value in found.items():
        assert value == pytest.approx(100 * mean(each[name].fmeasure for each in scores), abs=1e-9)
        assert value > 0


def test_a_stemmer_forgives_endings():
    pair = [Prediction("our fathers consecrated it", "our father consecrates it")]
    assert computed(Rouge(stemmer=True), pair)["rougeL"] == pytest.approx(100)
    assert computed(Rouge(), pair)["rougeL"] == pytest.approx(50)


def test_of_several_references_the_best_counts_whatever_their_order(summaries):
    metric = Rouge()
    for each in summaries[:10]:
        alone = [metric.statistics(Prediction(each.output, one)) for one in each.reference]
        for references in (each.reference, each.reference[::-1]):
            found = metric.statistics(Prediction(each.output, references))
            assert list(found) == [max(column) for column in zip(*alone, strict=True)]


def test_nothing_is_downloaded(summaries, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert computed(Rouge(stemmer=True), summaries[:3])["rouge1"] > 0
